// What `demo` makes of its options, and of a demo that did not start.
#include "nodes/cli/exit_codes.hpp"
#include "tests/nodes/cli/fixture.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace skein;
using namespace skein::cli;
using namespace skein::test;
using Catch::Matchers::Contains;

TEST_CASE("demo has three nodes unless told otherwise") {
  command_line cli;
  CHECK(cli({"demo"}) == exit_code::done);
  REQUIRE(cli.played.size() == 1);
  const demo::plan& plan = cli.played.front();
  CHECK(plan.nodes == 3);
  CHECK(plan.store.empty());
  CHECK_FALSE(plan.own_server);
  CHECK_FALSE(plan.as_lines);
  CHECK_FALSE(plan.is_terminal);
}

TEST_CASE("demo hands on what it is told") {
  command_line cli;
  cli.in_is_terminal = true;
  CHECK(cli({"demo", "--nodes", "5", "--ha", "--script", "x", "--rate", "7", "--keys", "8",
             "--seed", "9", "--keep", "/kept", "-o", "jsonl"}) == exit_code::done);
  CHECK(cli({"demo", "--store", "postgresql://db/x"}) == exit_code::done);
  REQUIRE(cli.played.size() == 2);
  const demo::plan& plan = cli.played.front();
  CHECK(plan.nodes == 5);
  CHECK(plan.own_server);
  CHECK(plan.script == "x");
  CHECK(plan.rate == 7);
  CHECK(plan.keys == 8);
  CHECK(plan.seed == 9);
  CHECK(plan.keep == "/kept");
  CHECK(plan.as_lines);
  CHECK(plan.is_terminal);
  CHECK(cli.played.back().store == "postgresql://db/x");
}

TEST_CASE("demo ends with the status that its play had") {
  command_line cli;
  cli.demo_exit = 1;
  CHECK(cli({"demo"}) == exit_code::failed);
}

TEST_CASE("numbers out of bounds are refused before anything is started") {
  for (const auto& wrong : {std::pair{"--nodes", "0"}, std::pair{"--nodes", "7"},
                            std::pair{"--rate", "many"}, std::pair{"--keys", "-1"}}) {
    command_line cli;
    CHECK(cli({"demo", wrong.first, wrong.second}) == exit_code::usage);
    CHECK_THAT(cli.err, Contains(wrong.first));
    CHECK(cli.played.empty());
  }
}

TEST_CASE("demo says why it did not start, and what to do") {
  command_line cli;
  cli.demo_fails = {errc::invalid_argument, "no server is here; install one"};
  CHECK(cli({"demo"}) == exit_code::usage);
  CHECK_THAT(cli.err, Contains("the demo did not start") && Contains("why: no server is here\n") &&
                          Contains("try: install one"));
  cli.demo_fails = {errc::store_mismatch, "it holds events of another cluster; name an empty one"};
  CHECK(cli({"demo", "-o", "jsonl"}) == exit_code::conflict);
  CHECK(nlohmann::json::parse(cli.err)["try"] == "name an empty one");
}

TEST_CASE("demo with --dry-run starts nothing") {
  command_line cli;
  CHECK(cli({"demo", "--nodes", "4", "--dry-run"}) == exit_code::done);
  CHECK(cli.played.empty());
  CHECK_THAT(cli.err, Contains("would start 4 nodes"));
}
