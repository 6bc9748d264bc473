// Goal: the line protocol is exactly what is documented, and output is cut into lines within
// bounds.
#include "nodes/agents/turn_line.hpp"

#include "protocol/cloudevents.hpp"
#include "protocol/limits.hpp"

#include <catch2/catch.hpp>
#include <simdjson.h>

#include <string>
#include <vector>

using namespace skein;

namespace {

turn_start start_of(const event& value) {
  turn_start start;
  start.turn = {{{shard_id{17}, 42}, 0}, 3};
  start.agent = "bot";
  start.name = "17-42.bot/3";
  start.attempt = 3;
  start.token = "tok\"en";
  start.body = slice{encode_event(value)};
  return start;
}

event sample() {
  event value;
  value.id = "e1";
  value.source = "/s";
  value.type = "skein.message";
  value.subject = "chat-7";
  value.kind = data_kind::json;
  value.data = "{\n \"text\": \"hi\\nthere\"\n}";
  return value;
}

constexpr instant deadline = instant{std::chrono::seconds{1'700'000'000}};

class collected_lines final : public line_sink {
 public:
  void on_line(std::string_view line) override { lines.emplace_back(line); }
  void on_giant_line(const std::string& turn) override { giants.push_back(turn); }
  void on_endless_line() override { ++endless; }

  std::vector<std::string> lines;
  std::vector<std::string> giants;
  std::size_t endless = 0;
};

collected_lines split(const std::string& text, std::size_t piece) {
  collected_lines collected;
  line_splitter splitter;
  for (std::size_t at = 0; at < text.size(); at += piece) {
    std::string chunk = text.substr(at, piece);
    const std::size_t bytes = chunk.size();
    chunk.resize(bytes + simdjson::SIMDJSON_PADDING);
    splitter.feed(std::string_view{chunk}.substr(0, bytes), collected);
  }
  return collected;
}

} // namespace

TEST_CASE("a turn is one line with the documented members in their order") {
  std::string out;
  turn_start start = start_of(sample());
  REQUIRE(append_turn_line(out, start, deadline).ok());
  REQUIRE(out.back() == '\n');
  CHECK(out.find('\n') == out.size() - 1);
  const std::string line = out.substr(0, out.size() - 1);
  const std::string head = R"({"turn":"17-42.bot/3","event":)";
  const std::string tail =
      R"(,"attempt":3,"state":null,"deadline":"2023-11-14T22:13:20Z","token":"tok\"en"})";
  REQUIRE(line.size() > head.size() + tail.size());
  CHECK(line.substr(0, head.size()) == head);
  CHECK(line.substr(line.size() - tail.size()) == tail);
  const auto inner =
      read_structured(line.substr(head.size(), line.size() - head.size() - tail.size()));
  REQUIRE(inner.ok());
  CHECK(inner->type == "skein.message");
  CHECK(inner->subject == "chat-7");
}

TEST_CASE("a turn after sleeps says how many there were, and which attempt it is") {
  turn_start start = start_of(sample());
  start.attempt = 1;
  start.sleeps = 2;
  std::string out;
  REQUIRE(append_turn_line(out, start, deadline).ok());
  CHECK(out.find(R"(,"attempt":1,"sleeps":2,"state":null,)") != std::string::npos);
}

TEST_CASE("the state is given as JSON on the same line") {
  turn_start start = start_of(sample());
  start.has_state = true;
  start.state = slice{std::string{"{\n\"n\": 1,\r\n\"s\":\"a\\nb\"}"}};
  std::string out;
  REQUIRE(append_turn_line(out, start, deadline).ok());
  CHECK(out.find(R"("state":{ "n": 1,  "s":"a\nb"},)") != std::string::npos);
  CHECK(out.find('\n') == out.size() - 1);
}

TEST_CASE("a turn whose line is over the limit is refused and leaves nothing behind") {
  event value = sample();
  value.kind = data_kind::text;
  std::string out = "before";
  value.data = std::string(limits::agent_line_bytes_max, 'x');
  const auto appended = append_turn_line(out, start_of(value), deadline);
  REQUIRE_FALSE(appended.ok());
  CHECK(appended.error().code == errc::too_large);
  CHECK(out == "before");
  value.data = std::string(limits::agent_line_bytes_max - 1000, 'x');
  CHECK(append_turn_line(out, start_of(value), deadline).ok());
}

TEST_CASE("a body that is no event is refused") {
  turn_start start = start_of(sample());
  start.body = slice{std::string{"garbage"}};
  std::string out;
  CHECK_FALSE(append_turn_line(out, start, deadline).ok());
  CHECK(out.empty());
}

TEST_CASE("a cancel is one line") {
  std::string out;
  append_cancel_line(out, "17-42.bot/3");
  CHECK(out == "{\"cancel\":\"17-42.bot/3\"}\n");
}

TEST_CASE("output is cut into lines however it arrives") {
  const std::string text = "one\n\ntwo two\nthree\nunfinished";
  for (const std::size_t piece : {1ul, 2ul, 5ul, 100ul}) {
    const collected_lines got = split(text, piece);
    CHECK(got.lines == std::vector<std::string>{"one", "", "two two", "three"});
    CHECK(got.giants.empty());
  }
}

TEST_CASE("a line that never ends is told of with its turn at once, and once as endless") {
  collected_lines collected;
  line_splitter splitter;
  std::string head = R"({"turn":"17-42.bot/3","reply":")";
  head.resize(head.size() + simdjson::SIMDJSON_PADDING);
  splitter.feed(std::string_view{head}.substr(0, head.size() - simdjson::SIMDJSON_PADDING),
                collected);
  const std::string chunk((1 << 20) + simdjson::SIMDJSON_PADDING, 'e');
  const std::string_view piece = std::string_view{chunk}.substr(0, 1 << 20);
  splitter.feed(piece, collected);
  CHECK(collected.giants == std::vector<std::string>{"17-42.bot/3"});
  CHECK(collected.endless == 0);
  for (std::size_t fed = 0; fed < 2 * line_skipped_bytes_max; fed += piece.size())
    splitter.feed(piece, collected);
  CHECK(collected.giants.size() == 1);
  CHECK(collected.endless == 1);
}

TEST_CASE("a line over 1 MiB is skipped to its end, its turn is named, and the next line counts") {
  const std::string giant = R"({"turn":"17-1.bot/1","reply":")" +
                            std::string(limits::agent_line_bytes_max, 'g') + "\"}\n";
  const std::string late = R"({"reply":")" + std::string(limits::agent_line_bytes_max, 'g') +
                           R"(","turn":"17-2.bot/1"})" + "\n";
  for (const std::size_t piece : {1000ul, 65536ul, 10'000'000ul}) {
    const collected_lines got = split("before\n" + giant + "between\n" + late + "after\n", piece);
    CHECK(got.lines == std::vector<std::string>{"before", "between", "after"});
    CHECK(got.giants == std::vector<std::string>{"17-1.bot/1", "17-2.bot/1"});
  }
}

TEST_CASE("the longest legal line has 1 MiB with its newline") {
  const std::string line(limits::agent_line_bytes_max - 1, 'x');
  for (const std::size_t piece : {65536ul, 10'000'000ul}) {
    CHECK(split(line + "\n", piece).lines.size() == 1);
    CHECK(split("x" + line + "\n", piece).giants.size() == 1);
  }
}

TEST_CASE(
    "lines for the log are cut, lose a carriage return, and come without a last newline too") {
  std::vector<std::string> lines;
  const auto sink = [&](std::string_view line) { lines.emplace_back(line); };
  log_line_splitter splitter;
  splitter.feed("a\r\n\nb", sink);
  splitter.feed("c\n" + std::string(10'000, 'l'), sink);
  splitter.feed(std::string(10'000, 'l') + "\nlast", sink);
  splitter.finish(sink);
  REQUIRE(lines.size() == 4);
  CHECK(lines[0] == "a");
  CHECK(lines[1] == "bc");
  CHECK(lines[2].size() == limits::program_log_line_bytes_max + 1);
  CHECK(lines[3] == "last");
}
