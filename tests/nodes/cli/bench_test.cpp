// What `bench` does with its options and shows of what was measured.
#include "nodes/cli/exit_codes.hpp"
#include "tests/nodes/cli/fixture.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace skein;
using namespace skein::cli;
using namespace skein::test;
using Catch::Matchers::Contains;

TEST_CASE("bench measures below the current folder unless told otherwise") {
  command_line cli;
  CHECK(cli({"bench"}) == exit_code::done);
  CHECK(cli({"bench", "--data", "/disk"}) == exit_code::done);
  REQUIRE(cli.measuring.size() == 2);
  CHECK(cli.measuring[0].below == ".");
  CHECK(cli.measuring[1].below == "/disk");
}

TEST_CASE("bench shows each figure with its meaning, and what it thinks of the disk's syncs") {
  command_line cli;
  cli.measured.sync_p50_ms = 0.25;
  cli.measured.done_per_s = 123'456;
  CHECK(cli({"bench"}) == exit_code::done);
  CHECK_THAT(cli.out, Contains("sync p50\t0.25\tms\t") && Contains("done\t123456\tevents/s\t"));
  CHECK_THAT(cli.err, Contains("measuring the disk") && Contains("as long as a disk needs"));
  cli.measured.verdict = bench::sync_verdict::too_fast;
  CHECK(cli({"bench"}) == exit_code::done);
  CHECK_THAT(cli.err, Contains("faster than disks are"));
}

TEST_CASE("bench with -o json is one value and no talk") {
  command_line cli;
  cli.measured.verdict = bench::sync_verdict::in_memory;
  cli.measured.latency_p99_ms = 2.5;
  CHECK(cli({"bench", "-o", "json", "--data", "/disk"}) == exit_code::done);
  const auto shown = nlohmann::json::parse(cli.out);
  CHECK(shown["folder"] == "/disk");
  CHECK(shown["sync"]["verdict"] == "in-memory");
  CHECK(shown["latency"]["p99_ms"] == 2.5);
  CHECK(cli.err.empty());
}

TEST_CASE("bench says why nothing can be measured, and measures nothing with --dry-run") {
  command_line cli;
  CHECK(cli({"bench", "--dry-run"}) == exit_code::done);
  CHECK(cli.measuring.empty());
  cli.measuring_fails = {errc::io_error, "/none: No such file or directory"};
  CHECK(cli({"bench", "--data", "/none"}) == exit_code::failed);
  CHECK_THAT(cli.err, Contains("/none: No such file") && Contains("io-error"));
}
