// scheduler_core: restarts, suspects, a full disk, commits without an answer, draining, cancelling.
#include "loop_world.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

using lines = std::vector<std::string>;

namespace {

std::size_t starting_with(const lines& trace, std::string_view word) {
  return static_cast<std::size_t>(std::count_if(
      trace.begin(), trace.end(), [&](const std::string& each) { return each.starts_with(word); }));
}

} // namespace

TEST_CASE("after a stop in order what was pending is read back and runs") {
  loop_world world;
  world.publish_all({{.id = "1"}, {.id = "2"}});
  world.take();
  world.restart(true);
  CHECK(world.take() == lines{"-- stopped and started", "read 0-1", "start 0-1.bot/1"});
  world.done("0-1.bot/1");
  CHECK(world.take() == lines{"disk: done 0-1.bot/1", "read 0-2", "start 0-2.bot/1"});
}

TEST_CASE("after a kill the first of each lane is a suspect: its start is durable before it runs") {
  loop_world world;
  world.publish_all({{.id = "1"}, {.id = "2"}});
  world.take();
  world.hold_commits = true;
  world.restart(false);
  CHECK(world.take() == lines{"-- killed and started", "read 0-1"});
  world.commit();
  CHECK(world.take() == lines{"disk: starting 0-1", "start 0-1.bot/1"});
  world.hold_commits = false;
  world.done("0-1.bot/1");
  world.take();
  CHECK(world.running() == std::set<std::string>{"0-2.bot/1"}); // not suspected: it cannot have run
}

TEST_CASE("whoever was durably started and has no outcome runs alone on the node") {
  loop_world world;
  world.publish_all({{.id = "1", .key = "a"}, {.id = "2", .key = "b"}});
  world.restart(false);
  CHECK(world.running().size() == 2);
  world.restart(false);
  CHECK(world.running() == std::set<std::string>{"0-1.bot/1"});
  world.publish({.id = "3", .key = "c"}); // nobody accuses this one
  CHECK(world.running() == std::set<std::string>{"0-1.bot/1", "0-3.bot/1"});
  world.take();
  world.done("0-1.bot/1");
  CHECK(world.running() == std::set<std::string>{"0-2.bot/1", "0-3.bot/1"});
  world.fail("0-2.bot/1"); // it ran to an end, so it is not what kills the process
  world.wait(1s);
  CHECK(world.running() == std::set<std::string>{"0-2.bot/2", "0-3.bot/1"});
}

TEST_CASE("three crashes while running alone make a dead letter, two do not") {
  loop_world world;
  world.publish_all({{.id = "1"}, {.id = "2"}});
  world.restart(false); // it may have been running
  for (int crash = 0; crash < 3; ++crash) {
    world.restart(false);
    world.wait(10s); // who crashed is not run at once: that may have been somebody else's doing
    CHECK(world.running() == std::set<std::string>{"0-1.bot/1"});
  }
  world.take();
  world.restart(false);
  const auto trace = world.take();
  CHECK(std::count(trace.begin(), trace.end(), "disk: dead 0-1.bot/0 agent-crashed") == 1);
  CHECK(world.running() == std::set<std::string>{"0-2.bot/1"});
}

TEST_CASE("many kills in a row make no dead letter of what never ran alone") {
  loop_world world{{.agents = {{.slots = 1}}}};
  for (int i = 1; i <= 20; ++i)
    world.publish({.id = std::to_string(i), .key = std::to_string(i)});
  world.grants = false; // killed before anything can start
  for (int kill = 0; kill < 10; ++kill)
    world.restart(false);
  CHECK(world.core().pending_events() == 20);
  CHECK(world.store().deliveries_ledger()->dead == 0);
}

TEST_CASE("an accused event with two deliveries takes the node's one slot once each") {
  loop_world world{
      {.agents = {{.name = "bot"}, {.name = "audit"}}, .routes = {{"*", "bot"}, {"*", "audit"}}}};
  world.publish({});
  world.restart(false);
  world.hold_reads = true;
  world.restart(false);
  while (world.reads_held() > 0)
    world.read();
  world.hold_reads = false;
  REQUIRE(world.running().size() == 1);
  world.done(*world.running().begin());
  REQUIRE(world.running().size() == 1);
  world.done(*world.running().begin());
  CHECK(world.core().pending_events() == 0);
  world.publish({.id = "2"});
  world.restart(false);
  world.restart(false);
  CHECK(world.running().size() == 1); // the slot came back
}

TEST_CASE("a retry found at start waits for its time") {
  loop_world world;
  world.publish({});
  world.fail("0-1.bot/1", turn_verdict::failed, 60s);
  world.restart(true);
  CHECK(world.running().empty());
  world.wait(60s - 1ns);
  CHECK(world.running().empty());
  world.wait(1ns);
  CHECK(world.running() == std::set<std::string>{"0-1.bot/2"});
}

TEST_CASE("a due event found at start waits for its time") {
  loop_world world;
  world.publish({.due = "+60s"});
  world.wait(10s);
  world.restart(false);
  world.wait(50s - 1ns);
  CHECK(world.running().empty());
  world.wait(1ns);
  CHECK(world.running() == std::set<std::string>{"0-1.bot/1"});
}

TEST_CASE("a backlog on disk is read back as slots come free, not all at once") {
  loop_world world{{.agents = {{.slots = 3}}}};
  std::vector<event_words> batch;
  for (int i = 0; i < 500; ++i)
    batch.push_back({.id = std::to_string(i), .key = std::to_string(i)});
  world.publish_all(batch);
  world.take();
  world.restart(true);
  const auto trace = world.take();
  REQUIRE(starting_with(trace, "read ") == 1);
  CHECK(trace[1] == "read 0-1 0-2 0-3");
  CHECK(world.running().size() == 3);
  std::size_t ended = 0;
  for (; !world.running().empty(); ++ended) {
    world.done(*world.running().begin());
    CHECK(world.running().size() <= 3);
  }
  CHECK(ended == 500);
}

TEST_CASE("bodies beyond the cache stay on disk and are read when their turn comes") {
  loop_world world{{.agents = {{.slots = 1}}}};
  const std::string large(900'000, 'x');
  for (int i = 0; i < 80; ++i)
    world.publish({.id = std::to_string(i), .key = std::to_string(i), .data = large});
  world.take();
  std::size_t ended = 0;
  for (; !world.running().empty(); ++ended)
    world.done(*world.running().begin());
  CHECK(ended == 80);
  const std::size_t kept = limits::loop_body_cache_bytes / 900'000;
  const std::size_t read = starting_with(world.take(), "read ");
  CHECK(read >= 80 - kept);
  CHECK(read <= 80 - kept + 2);
}

TEST_CASE("large bodies between two attempts leave the memory and are read again") {
  loop_world world{{.agents = {{.slots = 1}}}};
  const std::string large(900'000, 'x');
  for (int i = 0; i < 80; ++i)
    world.publish({.id = std::to_string(i), .key = std::to_string(i), .data = large});
  for (int failed = 0; failed < 80; ++failed)
    world.fail(*world.running().begin());
  CHECK(world.running().empty());
  world.take();
  std::size_t ended = 0;
  for (world.wait(1h); !world.running().empty(); ++ended)
    world.done(*world.running().begin());
  CHECK(ended == 80);
  const std::size_t kept = limits::loop_body_cache_bytes / 2 / 900'000;
  CHECK(starting_with(world.take(), "read ") >= 80 - kept - 1);
}

TEST_CASE("a body that cannot be read is read again a second later") {
  loop_world world;
  world.publish({});
  world.fail_reads = true;
  world.restart(true);
  CHECK(world.running().empty());
  world.fail_reads = false;
  world.wait(1s);
  CHECK(world.running() == std::set<std::string>{"0-1.bot/1"});
}

TEST_CASE("a full disk refuses what comes in and keeps outcomes until there is room") {
  loop_world world;
  world.publish({});
  world.take();
  world.fail_commits = errc::disk_full;
  world.publish({.id = "2"});
  CHECK(world.take() ==
        lines{"disk: disk-full", "answer to publish 2: disk-full", "log commit-failed"});
  world.done("0-1.bot/1");
  world.wait(3s);
  CHECK(starting_with(world.take(), "disk: disk-full") == 4);
  world.fail_commits = errc::none;
  world.wait(1s);
  CHECK(world.take() == lines{"disk: done 0-1.bot/1"});
  CHECK(world.core().pending_events() == 0);
}

TEST_CASE("a start or a failure kept through a full disk is dropped when a cancel was faster") {
  loop_world world;
  world.publish_all({{.id = "1", .key = "a"}, {.id = "2", .key = "b"}});
  SECTION("a failed attempt") {
    world.fail_commits = errc::disk_full;
    world.fail("0-1.bot/1");
  }
  SECTION("a suspect's start") {
    world.fail_commits = errc::disk_full;
    world.restart(false);
  }
  world.fail_commits = errc::none;
  world.ask(R"({"op":"cancel","event":"0-1"})");
  world.publish({.id = "3", .key = "c"}); // takes the place in memory that the first one had
  world.take();
  world.wait(5s);
  const auto trace = world.take();
  CHECK(starting_with(trace, "disk: failed 0-1") == 0);
  CHECK(starting_with(trace, "disk: starting 0-1") == 0);
  CHECK(world.running() == std::set<std::string>{"0-2.bot/1", "0-3.bot/1"});
  while (!world.running().empty())
    world.done(*world.running().begin());
  CHECK(world.core().pending_events() == 0);
  for (int i = 10; i < 30; ++i) // all ten slots are still there
    world.publish({.id = std::to_string(i), .key = std::to_string(i)});
  CHECK(world.running().size() == 10);
}

TEST_CASE("nothing starts after a commit of which nobody knows whether it is durable") {
  loop_world world;
  world.publish({.id = "1", .due = "+1s"});
  world.fail_commits = errc::unknown_outcome;
  world.publish({.id = "2"}); // it may be durable, and stands before 1 then
  world.take();
  world.wait(5s);
  CHECK(world.running().empty());
}

TEST_CASE("an unknown outcome claims nothing") {
  loop_world world;
  world.publish({.id = "1"});
  world.take();
  world.fail_commits = errc::unknown_outcome;
  world.publish_all({{.id = "2"}, {.id = "3"}});
  CHECK(world.take() ==
        lines{"disk: unknown", "answer to publish 2: unknown, unknown", "log commit-failed"});
  world.done("0-1.bot/1");
  world.take();
  world.wait(10s);
  CHECK(world.take().empty()); // never tried again: the process is about to end
}

TEST_CASE("a cancel reaches what waits, what runs and what waits for its retry") {
  loop_world world;
  world.publish_all({{.id = "1"}, {.id = "2"}, {.id = "3", .key = "other"}});
  world.fail("0-3.bot/1", turn_verdict::failed, 60s);
  world.take();
  world.ask(R"({"op":"cancel","event":"0-2"})");
  CHECK(world.take() == lines{"disk: cancelled 0-2.bot/0",
                              R"(answer 1: {"cancelled":1,"event":"0-2","state":"cancelled"})"});
  world.ask(R"({"op":"cancel","event":"0-1"})");
  CHECK(world.take() == lines{"stop 0-1.bot/1", "disk: cancelled 0-1.bot/1",
                              R"(answer 2: {"cancelled":1,"event":"0-1","state":"cancelled"})"});
  world.ask(R"({"op":"cancel","event":"0-3"})");
  CHECK(world.take().back() == R"(answer 3: {"cancelled":1,"event":"0-3","state":"cancelled"})");
  world.done("0-1.bot/1");
  world.wait(120s);
  CHECK(world.take().empty());
  CHECK(world.core().counted().cancelled == 3);
}

TEST_CASE("a cancel that comes after the outcome loses and is told the state that won") {
  loop_world world;
  world.publish({});
  world.take();
  world.hold_commits = true;
  world.done("0-1.bot/1");
  world.ask(R"({"op":"cancel","event":"0-1"})");
  CHECK(world.take().empty());
  world.commit();
  CHECK(world.take() ==
        lines{"disk: done 0-1.bot/1", "answer 1: already-terminal event 0-1 was done first"});
  world.ask(R"({"op":"cancel","event":"0-1"})");
  CHECK(world.take() == lines{"answer 2: not-found no event of this number is pending"});
}

TEST_CASE("a cancel behind a failure that is being committed tells of that attempt once") {
  loop_world world;
  world.publish({});
  world.take();
  world.hold_commits = true;
  world.fail("0-1.bot/1", turn_verdict::failed, 60s);
  world.ask(R"({"op":"cancel","event":"0-1"})");
  world.commit();
  world.hold_commits = false;
  world.commit();
  const auto reader = *world.store().new_reader();
  const auto record = **reader->find(*parse_event_id("0-1"));
  const journal::delivery_record& delivery = record.deliveries.at(0);
  CHECK(delivery.state == delivery_state::cancelled);
  CHECK(delivery.attempts.size() == 1);
  CHECK(delivery.attempt == 1);
  CHECK(delivery.started == no_instant);
}

TEST_CASE("who waits for an event is told when it has ended, at once if it has") {
  loop_world world;
  world.publish({});
  world.take();
  world.ask(R"({"op":"await","event":"0-1","timeout_ms":60000})");
  CHECK(world.take().empty());
  world.done("0-1.bot/1");
  CHECK(world.take() == lines{"disk: done 0-1.bot/1", "answer 1: {}"});
  world.ask(R"({"op":"await","event":"0-1","timeout_ms":60000})");
  CHECK(world.take() == lines{"answer 2: {}"});
}

TEST_CASE("questions that are none are answered with an error, never with an end of the process") {
  loop_world world;
  const auto question = GENERATE(values<std::string>(
      {"", "{", "[]", "{}", R"({"op":5})", R"({"op":"what"})", R"({"op":"await"})",
       R"({"op":"await","event":"x"})", R"({"op":"await","event":"0-1","timeout_ms":"long"})",
       R"({"op":"cancel","event":7})", R"({"op":"live","events":[5]})",
       R"({"op":"lanes","limit":"all"})", R"({"op":"key","key":5})"}));
  CAPTURE(question);
  world.publish({});
  world.take();
  world.ask(question);
  const auto trace = world.take();
  REQUIRE(trace.size() == 1);
  CHECK(trace[0].starts_with("answer 1: invalid-argument"));
}

TEST_CASE("while draining nothing starts, what runs ends, and each change is told") {
  loop_world world;
  world.publish_all({{.id = "1"}, {.id = "2"}});
  world.take();
  world.stop_starting();
  world.watch_progress();
  CHECK(world.take() == lines{"progress: running 1, uncommitted 0, pending 2"});
  world.done("0-1.bot/1");
  CHECK(world.take() == lines{"progress: running 0, uncommitted 1, pending 2",
                              "disk: done 0-1.bot/1",
                              "progress: running 0, uncommitted 0, pending 1"});
  world.wait(60s);
  CHECK(world.running().empty());
}

TEST_CASE("a failure during a drain is decided and kept for the next start") {
  loop_world world;
  world.publish({});
  world.stop_starting();
  world.watch_progress();
  world.fail("0-1.bot/1");
  CHECK(world.take().back() == "progress: running 0, uncommitted 0, pending 1");
  world.restart(true);
  world.wait(1s);
  CHECK(world.running() == std::set<std::string>{"0-1.bot/2"});
}
