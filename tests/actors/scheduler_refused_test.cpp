// scheduler_core and a store that refuses: no room on the disk, a full dedupe window.
#include "loop_world.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

using lines = std::vector<std::string>;
using names = std::set<std::string>;

namespace {

std::size_t starting_with(const lines& trace, std::string_view word) {
  return static_cast<std::size_t>(std::count_if(
      trace.begin(), trace.end(), [&](const std::string& each) { return each.starts_with(word); }));
}

} // namespace

TEST_CASE("while the store refuses, no turn starts before its durable start was written") {
  loop_world world;
  world.publish_all({{.id = "1"}, {.id = "2"}});
  world.take();
  world.fail_commits = errc::disk_full;
  world.publish({.id = "3", .key = "b"});
  world.fail_commits = errc::none;
  world.hold_commits = true;
  world.done("0-1.bot/1");
  world.fail_commits = errc::disk_full;
  world.commit();
  world.wait(10s); // the outcome is tried again and again, and waits with the journal now
  CHECK(world.running().empty());
  world.fail_commits = errc::none;
  world.hold_commits = false;
  world.take();
  world.commit();
  CHECK(world.take() == lines{"disk: done 0-1.bot/1", "start 0-2.bot/1"});
}

TEST_CASE("a turn is the probe of a store that refused, if there is nothing else to commit") {
  loop_world world;
  world.publish_all({{.id = "1", .due = "+5s"}, {.id = "2", .key = "b", .due = "+5s"}});
  world.fail_commits = errc::disk_full;
  world.publish({.id = "3", .key = "c"});
  world.take();
  world.wait(7s);
  CHECK(world.running().empty());
  CHECK(starting_with(world.take(), "disk: disk-full") > 1);
  world.fail_commits = errc::none;
  world.wait(1s);
  CHECK(world.running() == names{"0-1.bot/1", "0-2.bot/1"});
  world.publish({.id = "4", .key = "d"}); // the store takes again: no durable start any more
  CHECK(starting_with(world.take(), "disk: starting") == 2);
  CHECK(world.running().size() == 3);
}

TEST_CASE("a store that refuses is asked by a few operations at a time") {
  loop_world world{{.agents = {{.slots = 300}}}};
  std::vector<event_words> batch;
  for (int i = 0; i < 300; ++i)
    batch.push_back({.id = std::to_string(i), .key = std::to_string(i), .due = "+5s"});
  world.publish_all(batch);
  world.fail_commits = errc::disk_full;
  world.publish({.id = "x", .key = "x"});
  world.hold_commits = true;
  world.wait(20s);
  CHECK(world.submits_held() == limits::store_probes_max); // each by itself
  CHECK(world.running().empty());
  world.fail_commits = errc::none;
  world.hold_commits = false;
  world.commit_all();
  CHECK(world.running().size() == 300);
}

TEST_CASE("an outcome that was kept ends its event as its deliveries have ended by then") {
  loop_world world{
      {.agents = {{.name = "bot"}, {.name = "audit"}}, .routes = {{"*", "bot"}, {"*", "audit"}}}};
  world.publish({.id = "1"});
  world.hold_commits = true;
  world.done("0-1.audit/1", world.emitting({{.id = "1", .data = "other"}})); // will conflict
  world.done("0-1.bot/1"); // the last: the event would be done
  world.commit();          // refused: it is to be dead instead
  world.fail_commits = errc::disk_full;
  world.commit(); // the last one is kept
  world.fail_commits = errc::none;
  world.hold_commits = false;
  world.commit();
  world.wait(1s);
  CHECK(world.core().pending_events() == 0);
  CHECK(world.store().events_ledger()->dead == 1);
  CHECK(world.store().events_ledger()->done == 0);
}

TEST_CASE("a cancel of what the store has not taken yet wins") {
  loop_world world;
  world.publish({.id = "1"});
  world.fail_commits = errc::disk_full;
  world.done("0-1.bot/1");
  world.ask(R"({"op":"cancel","event":"0-1"})");
  world.take();
  world.fail_commits = errc::none;
  world.wait(1s);
  const auto trace = world.take();
  CHECK(starting_with(trace, "disk: cancelled 0-1.bot") == 1);
  CHECK(starting_with(trace, "disk: done") == 0);
  CHECK(trace.back() == R"(answer 1: {"cancelled":1,"event":"0-1","state":"cancelled"})");
}

TEST_CASE("an outcome whose emits find the dedupe window full is kept until there is room") {
  loop_world world{{.dedupe_entries_max = 2}};
  world.publish_all({{.id = "1"}, {.id = "2"}});
  world.take();
  world.done("0-1.bot/1", world.emitting({{.id = "e", .key = "x"}}));
  CHECK(world.take() == lines{"disk: done 0-1.bot/1 refused: dedupe full", "log dedupe-full"});
  world.wait(5s);
  CHECK(world.core().pending_events() == 2);
  CHECK(world.running().empty()); // the lane waits, the turn is not run again
  CHECK(world.core().counted().dead == 0);
  world.take();
  world.wait(limits::dedupe_window);
  const auto trace = world.take();
  CHECK(starting_with(trace, "disk: done 0-1.bot/1 emits 0-3") == 1);
  CHECK(world.running() == names{"0-2.bot/1", "0-3.bot/1"});
}

TEST_CASE("slots that are given back are told again until the broker knows of it") {
  loop_world world;
  world.publish({.id = "1"});
  world.hold_commits = true;
  world.restart(false);
  REQUIRE(world.submits_held() == 1); // the durable start of a suspect, which uses a slot
  world.ask(R"({"op":"cancel","event":"0-1"})");
  world.lose_demands = true;
  world.commit_all();
  world.hold_commits = false;
  CHECK(world.running().empty());
  world.lose_demands = false;
  world.wait(2s);
  for (int i = 10; i < 30; ++i)
    world.publish({.id = std::to_string(i), .key = std::to_string(i)});
  CHECK(world.running().size() == 10);
}
