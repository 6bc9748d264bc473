// The log: what a line looks like, that nobody can forge one, and that the level decides.
#include "nodes/logging/log_line.hpp"
#include "nodes/logging/logging.hpp"
#include "protocol/limits.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <regex>

using namespace skein;

namespace {

/// Collects lines while it lives; afterwards the log is as at start.
struct captured_log {
  explicit captured_log(log_options options) {
    set_up_logging(options, [this](std::string_view line) { lines.emplace_back(line); });
  }
  ~captured_log() { set_up_logging({}); }
  captured_log(const captured_log&) = delete;
  captured_log& operator=(const captured_log&) = delete;

  std::vector<std::string> lines;
};

const log_fields three_fields{{"event", "17-42"}, {"agent", "bot"}, {"note", "two words"}};

} // namespace

TEST_CASE("a text line has UTC time, level, component, id, sentence and fields") {
  captured_log log_here{{log_level::info, false}};
  log(log_level::warn, "agents", "program-ended", "A program ended.", three_fields);
  REQUIRE(log_here.lines.size() == 1);
  const std::regex form{R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z warn  agents program-ended: )"
                        R"(A program ended\. event=17-42 agent=bot note="two words"\n)"};
  CHECK(std::regex_match(log_here.lines[0], form));
}

TEST_CASE("a JSON line is one object with every field as a member") {
  captured_log log_here{{log_level::info, true}};
  log(log_level::error, "journal", "disk-full", "No space \"left\".", three_fields);
  REQUIRE(log_here.lines.size() == 1);
  CHECK(log_here.lines[0].find('\n') == log_here.lines[0].size() - 1);
  const auto line = nlohmann::json::parse(log_here.lines[0]);
  CHECK(line["level"] == "error");
  CHECK(line["component"] == "journal");
  CHECK(line["id"] == "disk-full");
  CHECK(line["text"] == "No space \"left\".");
  CHECK(line["event"] == "17-42");
  CHECK(line["note"] == "two words");
  CHECK(line["time"].get<std::string>().size() == 24);
}

TEST_CASE("control characters in values cannot forge a line or reach a terminal") {
  const std::string evil = "a\r\nerror forged \x1b[2J\x07";
  const std::string text = text_line("http", "refused", "Refused\n.", {{"key", evil}});
  CHECK(text == R"(http refused: Refused\n. key="a\r\nerror forged \x1b[2J\x07")");

  const std::string json = "{" + json_members("http", "refused", "x", {{"key", evil}}) + "}";
  CHECK(json.find('\n') == std::string::npos);
  CHECK(json.find('\x1b') == std::string::npos);
  CHECK(nlohmann::json::parse(json)["key"] == evil);
}

TEST_CASE("quotes and equals signs in a text value keep its end recognisable") {
  CHECK(text_line("c", "i", "s", {{"a", ""}, {"b", "x=y"}, {"c", "say \"hi\""}}) ==
        R"(c i: s a="" b="x=y" c="say \"hi\"")");
}

TEST_CASE("control characters beyond ASCII do not reach a terminal either") {
  const std::string evil = "a\xc2\x9b;\xc2\x80\xc2\x9f\xc3\xc2\x9b\xc2\xa0\xc3\x9b";
  const std::string shown = "a\\u009b;\\u0080\\u009f\xc3\\u009b\xc2\xa0\xc3\x9b";
  CHECK(escape_controls(evil) == shown);
  CHECK(text_line("c", "i", evil, {{"key", evil}}) == "c i: " + shown + " key=" + shown);
  const std::string clear = "\xc2\x9b;\xc2\xa0";
  const std::string json = "{" + json_members("c", "i", "s", {{"key", clear}}) + "}";
  CHECK(json.find('\x9b') == std::string::npos);
  CHECK(nlohmann::json::parse(json)["key"] == clear);
}

TEST_CASE("a backslash in a value cannot end its quotes") {
  CHECK(text_line("c", "i", "s", {{"a", R"(x\" level=error b=")"}, {"path", R"(C:\x y)"}}) ==
        R"(c i: s a="x\\\" level=error b=\"" path="C:\\x y")");
}

TEST_CASE("bytes that are no UTF-8 become the replacement character in JSON") {
  const std::string json =
      "{" + json_members("c", "i", "s", {{"key", "a\xff\xc0\xafz \xe2\x82\xac"}}) + "}";
  CHECK(nlohmann::json::parse(json)["key"] ==
        "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz \xe2\x82\xac");
}

TEST_CASE("a long value is cut between characters and says how much is missing") {
  std::string value(limits::log_value_bytes_max - 1, 'x');
  value += "\xe2\x82\xac and more";
  const std::string line = text_line("c", "i", "s", {{"v", value}});
  CHECK(line.size() < limits::log_value_bytes_max + 64);
  CHECK(line.ends_with("xx...(12 bytes more)\""));
}

TEST_CASE("a field named like a fixed member does not replace it") {
  const std::string json = "{" + json_members("http", "refused", "x", {{"id", "mine"}}) + "}";
  const auto line = nlohmann::json::parse(json);
  CHECK(line["id"] == "refused");
  CHECK(line["id_"] == "mine");
}

TEST_CASE("lines below the level are not written, and off writes nothing") {
  captured_log log_here{{log_level::warn, false}};
  log(log_level::info, "c", "i", "quiet");
  CHECK_FALSE(log_enabled(log_level::info));
  CHECK(log_here.lines.empty());

  set_log_level(log_level::debug);
  log(log_level::debug, "c", "i", "heard");
  CHECK(log_here.lines.size() == 1);

  set_log_level(log_level::off);
  log(log_level::error, "c", "i", "quiet again");
  CHECK_FALSE(log_enabled(log_level::off));
  CHECK(log_here.lines.size() == 1);
}

TEST_CASE("every level's name is read back") {
  for (const log_level level : {log_level::trace, log_level::debug, log_level::info,
                                log_level::warn, log_level::error, log_level::off})
    CHECK(parse_log_level(to_string(level)) == level);
  CHECK_FALSE(parse_log_level("INFO"));
  CHECK_FALSE(parse_log_level(""));
}
