// Tables on a terminal: what is cut, what is hidden, how times are told; elsewhere they are whole.
#include "nodes/cli/output.hpp"
#include "nodes/cli/table_layout.hpp"
#include "tests/nodes/cli/fixture.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace skein;
using namespace skein::cli;
using namespace skein::test;

namespace {

using widths = std::vector<std::size_t>;

constexpr column_size whole(std::size_t width) { return {weight::whole, 5, width}; }
constexpr column_size text(std::size_t width) { return {weight::text, 5, width}; }
constexpr column_size main_one(std::size_t width) { return {weight::main, 5, width}; }
constexpr column_size note(std::size_t width) { return {weight::note, 5, width}; }
constexpr column_size extra(std::size_t width) { return {weight::extra, 5, width}; }

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in{text};
  for (std::string line; std::getline(in, line);)
    lines.push_back(line);
  return lines;
}

} // namespace

TEST_CASE("columns are aligned by characters, and names are whole on a terminal") {
  command_line cli;
  fake_node node;
  cli.environment["SKEIN_SERVER"] = node.url();
  cli.environment["NO_COLOR"] = "1";
  cli.out_is_terminal = true;
  const std::string long_name(60, 'x');
  node.serve("GET /v1/agents", {200, "application/json", "",
                                R"({"agents":[{"name":"\u00e9\u00e9","kind":"echo"},{"name":")" +
                                    long_name + R"(","kind":"noop"}]})"});
  CHECK(cli({"agent", "list", "--no-headers"}) == 0);
  const auto lines = lines_of(cli.out);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0] == "\u00e9\u00e9" + std::string(58 + 2, ' ') + "echo");
  CHECK(lines[1] == long_name + "  noop");
  cli.out_is_terminal = false;
  CHECK(cli({"agent", "list", "--no-headers"}) == 0);
  CHECK_THAT(cli.out, Catch::Contains(long_name + "\tnoop"));
}

TEST_CASE("free texts give way first, the widest of them most") {
  CHECK(fit_columns({whole(5), text(40), text(20)}, 80) == widths{5, 40, 20});
  CHECK(fit_columns({whole(5), text(40), text(20)}, 69) == widths{5, 40, 20});
  CHECK(fit_columns({whole(5), text(40), text(20)}, 59) == widths{5, 30, 20});
  CHECK(fit_columns({whole(5), text(40), text(20)}, 47) == widths{5, 19, 19});
  CHECK(fit_columns({whole(5), text(40), text(9)}, 34) == widths{5, 16, 9});
  CHECK(fit_columns({main_one(5), text(40), note(60)}, 0) == widths{5, 40, 48});
  CHECK(fit_columns({}, 80).empty());
}

TEST_CASE("columns are hidden by their worth, and what is left has the room") {
  const std::vector<column_size> all{whole(8), extra(6),    main_one(10), text(30),
                                     note(30), main_one(9), extra(7)};
  CHECK(fit_columns(all, 112) == widths{8, 6, 10, 30, 30, 9, 7});
  CHECK(fit_columns(all, 84) == widths{8, 6, 10, 16, 16, 9, 7});
  CHECK(fit_columns(all, 83) == widths{8, 6, 10, 20, 20, 9, 0});
  CHECK(fit_columns(all, 74) == widths{8, 0, 10, 20, 19, 9, 0});
  CHECK(fit_columns(all, 66) == widths{8, 0, 10, 30, 0, 9, 0});
  CHECK(fit_columns(all, 45) == widths{8, 0, 10, 23, 0, 0, 0});
  CHECK(fit_columns(all, 30) == widths{8, 0, 0, 20, 0, 0, 0});
  CHECK(fit_columns(all, 20) == widths{8, 0, 0, 0, 0, 0, 0});
}

TEST_CASE("what is whole stays, though a row is wider than the terminal then") {
  CHECK(fit_columns({whole(30), whole(10), extra(10)}, 20) == widths{30, 10, 0});
  CHECK(fit_columns({text(30), whole(10), main_one(4)}, 20) == widths{16, 10, 0});
  CHECK(fit_columns({extra(30), {weight::exact, 3, 10}}, 20) == widths{30, 10});
}

TEST_CASE("a time is told as short as its reader can do with") {
  const instant now = *parse_rfc3339("2026-11-30T23:30:00Z");
  CHECK(short_time("2026-11-30T23:04:21.007123456Z", now) == "23:04:21.007");
  CHECK(short_time("2026-11-30T23:04:21Z", now) == "23:04:21");
  CHECK(short_time("2026-11-29T23:04:21.007Z", now) == "11-29 23:04:21");
  CHECK(short_time("2025-11-29T23:04:21.007Z", now) == "2025-11-29 23:04");
  CHECK(short_time("2026-12-01T09:00:00+02:00", now) == "09:00:00"); // its day has begun there
  CHECK(short_time("2026-12-01T09:00:00Z", now) == "12-01 09:00:00");
  CHECK(short_time("2026-11-30T09:00:00.5-08:00", now) == "09:00:00.5");
  for (const char* other : {"", "-", "2026-11-30", "at 2026-11-30T23:04:21Z", "order@2026-11-30",
                            "2026-11-31T23:04:21Z", "2026-11-30T23:04:21"})
    CHECK(short_time(other, now) == other);
}

TEST_CASE("on a terminal a table is as wide as it, elsewhere it is whole") {
  command_line cli;
  fake_node node;
  cli.environment = {{"SKEIN_SERVER", node.url()}, {"NO_COLOR", "1"}, {"COLUMNS", "60"}};
  cli.out_is_terminal = true;
  node.serve("GET /v1/dead",
             {200, "application/json", "",
              R"({"dead":[{"event":"17-42","key":"k","type":"a.type.of.many.words",)"
              R"("accepted":"2026-08-15T10:00:00.123456789Z","deliveries":[{"agent":"bot",)"
              R"("state":"dead","attempt":1,"error":"the agent has failed badly"}]}]})"});
  CHECK(cli({"dead", "list"}) == 0);
  CHECK(cli.out == "EVENT  AGENT  KEY  TYPE                  ERROR\n"
                   "17-42  bot    k    a.type.of.many.words  the agent has fail…\n");
  CHECK(cli.err == "(columns hidden: ATTEMPT, ACCEPTED; widen the terminal or use -o json)\n");
  cli.environment["COLUMNS"] = "400";
  CHECK(cli({"dead", "list"}) == 0);
  CHECK_THAT(cli.out, Catch::Contains("08-15 10:00:00  the agent has failed badly"));
  CHECK(cli.err.empty());
  cli.out_is_terminal = false;
  CHECK(cli({"dead", "list"}) == 0);
  CHECK_THAT(cli.out,
             Catch::Contains("EVENT\tAGENT\tKEY\tTYPE\tATTEMPT\tCODE\tFINISHED\tACCEPTED"));
  CHECK_THAT(cli.out, Catch::Contains("\t-\t-\t2026-08-15T10:00:00.123456789Z"));
}
