// Goal: settings change while turns run: each ends on the programs that it began on.
#include "exec_fixture.hpp"

#include "tests/support/temp_dir.hpp"

#include <fstream>

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

namespace {

/// Replies with a word once there is a file.
std::string waits_for(const std::string& file, const std::string& word) {
  return "while [ ! -e " + file + " ]; do sleep 0.02; done; echo " + word;
}

} // namespace

TEST_CASE("a turn that runs ends on the old programs, one that comes later runs on the new") {
  const temp_dir dir;
  const std::string file = dir.path() + "/go";
  exec_fixture world;
  world.timing.close_grace = 100ms; // of programs that are told to end
  const auto runner = world.make_changing();
  world.shell(waits_for(file, "old"));
  runner->change(world.settings);
  const auto before = world.begin_on(*runner, "x");
  world.wait_for_begun(before);
  world.shell("echo new");
  runner->change(world.settings);
  const auto after = world.begin_on(*runner, "x");
  CHECK(world.report_of(after).reply == "new\n");
  CHECK_FALSE(world.has_report(before));
  std::ofstream{file} << "go";
  const turn_report report = world.report_of(before);
  CHECK(report.verdict == turn_verdict::done);
  CHECK(report.reply == "old\n");
}

TEST_CASE("a turn of old programs is stopped where it runs") {
  exec_fixture world;
  const auto runner = world.make_changing();
  world.shell("exec sleep 1000");
  runner->change(world.settings);
  const auto number = world.begin_on(*runner, "x");
  world.wait_for_begun(number);
  world.shell("echo new");
  runner->change(world.settings);
  runner->stop(exec_fixture::id_of(number), stop_stage::kill);
  CHECK(world.report_of(number).verdict == turn_verdict::returned);
}

TEST_CASE("old programs end with their last turn, also those that are kept running") {
  exec_fixture world;
  const auto runner = world.make_changing();
  world.lines();
  runner->change(world.settings);
  CHECK(world.report_of(world.begin_on(*runner, "hello")).verdict == turn_verdict::done);
  CHECK(has_children());
  world.shell("echo new");
  runner->change(world.settings);
  CHECK(world.report_of(world.begin_on(*runner, "x")).reply == "new\n");
  runner->sweep();
  runner->sweep(); // waits for what is over
  runner->retire();
  runner->sweep();
  runner->sweep();
  CHECK_FALSE(has_children());
}

TEST_CASE("a turn that comes when the agent has gone is returned") {
  exec_fixture world;
  const auto runner = world.make_changing();
  world.shell("echo old");
  runner->change(world.settings);
  runner->retire();
  const turn_report report = world.report_of(world.begin_on(*runner, "x"));
  CHECK(report.verdict == turn_verdict::returned);
  CHECK(report.error == "the agent is no longer configured");
}

TEST_CASE("turns that never stop coming survive many changes, each with one report") {
  exec_fixture world;
  const auto runner = world.make_changing();
  world.lines({}, 2);
  world.settings.concurrency = 64;
  runner->change(world.settings);
  std::vector<std::uint64_t> numbers;
  for (int change = 0; change < 10; ++change) {
    for (int turn = 0; turn < 6; ++turn)
      numbers.push_back(world.begin_on(*runner, "hello"));
    runner->change(world.settings);
  }
  for (const std::uint64_t each : numbers)
    CHECK(world.report_of(each).verdict == turn_verdict::done);
  CHECK(world.repeated_reports() == 0);
}
