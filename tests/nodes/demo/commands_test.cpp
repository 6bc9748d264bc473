// What can be typed at the demo's prompt, and what is said of what cannot.
#include "nodes/demo/commands.hpp"

#include <catch2/catch.hpp>

using namespace skein;
using namespace skein::demo;
using Catch::Matchers::Contains;
using places = std::vector<std::string>;

namespace {

std::string why_not(std::string_view line) {
  const auto read = parse_command(line);
  REQUIRE_FALSE(read);
  CHECK(read.error().code == errc::invalid_argument);
  return read.error().detail;
}

} // namespace

TEST_CASE("each command of the list is read") {
  for (const command_row& each : command_rows()) {
    std::string line{each.name};
    if (each.arguments.starts_with("NODE"))
      line += " n1 n2";
    else if (each.arguments.starts_with("A "))
      line += " n1 store";
    if (each.arguments.ends_with("TIME"))
      line += " 200ms";
    INFO(line);
    const auto read = parse_command(line);
    REQUIRE(read);
    CHECK(read->what == each.what);
  }
}

TEST_CASE("nodes, ways and times are what a command has") {
  CHECK(parse_command("kill n2 n3")->places == places{"n2", "n3"});
  CHECK(parse_command("  heal  ")->places.empty());
  const auto both = parse_command("partition n1 n2");
  CHECK(both->places == places{"n1", "n2"});
  CHECK_FALSE(both->one_way);
  CHECK(parse_command("partition store to n2")->one_way);
  const auto slow = parse_command("slow n1 to n2 200ms");
  CHECK(slow->one_way);
  CHECK(slow->time == std::chrono::milliseconds{200});
  CHECK(parse_command("wait 1m")->time == std::chrono::minutes{1});
}

TEST_CASE("empty lines and comments are nothing") {
  for (const char* each : {"", "  \t", "# kill n1", "  # n1"})
    CHECK(parse_command(each)->what == verb::nothing);
  CHECK(parse_command("kill n1 # hard")->places == places{"n1"});
}

TEST_CASE("a word that is unknown is told with the one that was meant") {
  CHECK_THAT(why_not("kil n1"), Contains("\"kil\"") && Contains("did you mean \"kill\"?"));
  CHECK_THAT(why_not("partitoin n1 n2"), Contains("did you mean \"partition\"?"));
  CHECK_THAT(why_not("xyzzy"), Contains("there are: status, kill"));
}

TEST_CASE("what is missing, too much or no time is told with what to type") {
  CHECK_THAT(why_not("kill"), Contains("type: kill NODE..."));
  CHECK_THAT(why_not("status n1"), Contains("\"n1\" is too much; type: status"));
  CHECK_THAT(why_not("partition n1"), Contains("type: partition A [to] B"));
  CHECK_THAT(why_not("partition n1 n2 n3"), Contains("between two places"));
  CHECK_THAT(why_not("partition n1 n1"), Contains("are one place"));
  CHECK_THAT(why_not("slow n1 n2"), Contains("\"n2\" is no time"));
  CHECK_THAT(why_not("slow n1 n2 11s"), Contains("out of bounds") && Contains("at most 10s"));
  CHECK_THAT(why_not("wait 5"), Contains("\"5\" is no time") && Contains("5s"));
  CHECK_THAT(why_not("wait 0s"), Contains("out of bounds"));
}

TEST_CASE("nodes that are not there are told with those that are") {
  CHECK(check_places(*parse_command("kill n3"), 3));
  for (const char* each : {"kill n4", "kill n0", "kill n01", "kill x", "kill store", "drain n"}) {
    INFO(each);
    const auto judged = check_places(*parse_command(each), 3);
    REQUIRE_FALSE(judged);
    CHECK_THAT(judged.error().detail, Contains("there are n1 to n3"));
  }
  CHECK(check_places(*parse_command("partition n3 store"), 3));
  CHECK_THAT(check_places(*parse_command("slow n4 store 1s"), 3).error().detail,
             Contains("n1 to n3, and store"));
}

TEST_CASE("a script is judged before it is played, and its lines have numbers") {
  const auto script = parse_script("status\n\n# then\nkill n2\nadd\nkill n4", 3, 4);
  REQUIRE(script);
  REQUIRE(script->size() == 4);
  CHECK((*script)[1].number == 4);
  CHECK((*script)[1].text == "kill n2");
  CHECK((*script)[3].what.places == places{"n4"}); // it is there by then
  CHECK_THAT(parse_script("status\nkill n4\n", 3, 4).error().detail, Contains("line 2: "));
  CHECK_THAT(parse_script("\nstaus", 3, 4).error().detail,
             Contains("line 2: ") && Contains("\"status\""));
  CHECK_THAT(parse_script("add\nadd", 3, 4).error().detail, Contains("line 2: ") && Contains("4"));
}
