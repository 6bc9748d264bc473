// scheduler_core: the place of a delivery in its lane, and one turn at a time, when due times,
// cancellations, commits under way and restarts come in between.
#include "loop_world.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

using lines = std::vector<std::string>;
using names = std::set<std::string>;

namespace {

bool has(const lines& trace, std::string_view line) {
  return std::find(trace.begin(), trace.end(), line) != trace.end();
}

} // namespace

TEST_CASE("a lane whose turn was cancelled or expired waits until that turn has ended") {
  const bool expires = GENERATE(false, true);
  const bool stopped = GENERATE(false, true); // or it ends by itself, too late
  CAPTURE(expires, stopped);
  loop_world world;
  world.publish_all({{.id = "1", .expires = "+5s"}, {.id = "2"}, {.id = "3", .key = "other"}});
  world.take();
  if (expires)
    world.wait(5s);
  else
    world.ask(R"({"op":"cancel","event":"0-1"})");
  const auto trace = world.take();
  CHECK(has(trace, "stop 0-1.bot/1"));
  CHECK(world.core().pending_events() == 2);
  CHECK_FALSE(has(trace, "start 0-2.bot/1"));
  CHECK(world.core().running_turns() == 2); // the stopped one is still one of them
  if (stopped)
    world.fail("0-1.bot/1", turn_verdict::returned);
  else
    world.done("0-1.bot/1");
  CHECK(world.take() == lines{"start 0-2.bot/1"});
  CHECK(world.core().running_turns() == 2);
}

TEST_CASE("a lane that is empty but for a stopped turn still holds back who comes next") {
  loop_world world;
  world.publish({.id = "1"});
  world.ask(R"({"op":"cancel","event":"0-1"})");
  CHECK(world.core().pending_events() == 0);
  world.publish({.id = "2"});
  CHECK(world.running() == names{"0-1.bot/1"}); // as the agent sees it
  world.fail("0-1.bot/1", turn_verdict::returned);
  CHECK(world.running() == names{"0-2.bot/1"});
  world.done("0-2.bot/1");
  world.publish({.id = "3"});
  CHECK(world.running() == names{"0-3.bot/1"});
}

TEST_CASE("a drain waits for a turn that was cancelled but has not ended") {
  loop_world world;
  world.publish({.id = "1"});
  world.ask(R"({"op":"cancel","event":"0-1"})");
  world.stop_starting();
  world.take();
  world.watch_progress();
  CHECK(world.take() == lines{"progress: running 1, uncommitted 0, pending 0"});
  world.fail("0-1.bot/1", turn_verdict::returned);
  CHECK(world.take() == lines{"progress: running 0, uncommitted 0, pending 0"});
}

TEST_CASE("what was accepted before a due time goes first, even if that is learnt later") {
  loop_world world{{.loops = GENERATE(1u, 2u)}};
  world.publish({.id = "1", .due = "+10s"});
  world.wait(9s);
  world.take();
  world.hold_answers = true;
  world.publish({.id = "2"}); // accepted at 9 s; the loop is told after 11 s
  CHECK(world.take() == lines{"disk: accepted 0-2"});
  world.wait(2s);
  CHECK(world.take().empty()); // due, but who knows what comes before it
  world.hold_answers = false;
  world.tell_answers();
  CHECK(world.take() == lines{"answer to publish 2: durable 0-2", "start 0-2.bot/1"});
  world.done("0-2.bot/1");
  CHECK(world.running() == names{"0-1.bot/1"});
}

TEST_CASE("a due event does not wait for a commit that brings no event") {
  loop_world world{{.loops = GENERATE(1u, 2u)}};
  world.publish({.id = "1", .key = "other"});
  world.publish({.id = "2", .due = "+10s"});
  world.wait(9s);
  world.hold_answers = true;
  world.done("0-1.bot/1"); // its end is under way, and nothing else
  world.take();
  world.wait(2s);
  CHECK(world.take() == lines{"start 0-2.bot/1"});
}

TEST_CASE("a due event waits for one that the store has announced") {
  loop_world world{{.loops = GENERATE(1u, 2u)}}; // of another loop, or of a job
  world.publish({.id = "1", .due = "+10s"});
  world.wait(9s);
  world.take();
  world.hold_answers = true;
  world.foreign_announced = 1; // another loop's commit has begun
  world.wait(2s);
  CHECK(world.take().empty());
  world.foreign({{.id = "f"}}, 2s);
  world.tell_answers();
  CHECK(world.take() == lines{"start 0-1000001.bot/1"});
}

TEST_CASE("a due event goes on when what was announced does not come") {
  loop_world world{{.loops = GENERATE(1u, 2u)}};
  world.publish({.id = "1", .due = "+10s"});
  world.wait(9s);
  world.hold_commits = true;
  world.foreign_announced = 1;
  world.wait(2s);
  CHECK(world.running().empty());
  world.foreign_announced = 0; // it was refused
  world.hold_commits = false;
  world.commit_all();
  CHECK(world.running() == names{"0-1.bot/1"});
}

TEST_CASE("a due event goes on when what was announced has come, for whatever lane") {
  loop_world world{{.loops = GENERATE(1u, 2u)}};
  world.publish({.id = "1", .due = "+10s"});
  world.wait(9s);
  world.foreign_announced = 1;
  world.wait(2s);
  world.foreign({{.id = "f", .key = "other"}}, 2s);
  CHECK(world.running() == names{"0-1.bot/1", "0-1000001.bot/1"});
}

TEST_CASE("a due event waits for one that was announced behind a commit of its own loop") {
  loop_world world{{.loops = GENERATE(1u, 2u)}};
  world.publish({.id = "1", .due = "+10s"});
  world.wait(9s);
  world.hold_commits = true;
  world.publish({.id = "2", .key = "other"});
  world.foreign_announced = 1; // in the same commit, and told behind the answer
  world.wait(2s);
  world.commit();
  CHECK(world.running() == names{"0-2.bot/1"});
  world.foreign({{.id = "f"}}, 2s);
  world.commit_all();
  CHECK(world.running() == names{"0-2.bot/1", "0-1000001.bot/1"});
}

TEST_CASE("a due event whose time comes in the same step goes before what is accepted later") {
  loop_world world;
  world.publish({.id = "1", .due = "+10s"});
  world.wait(9s);
  world.hold_commits = true;
  world.publish({.id = "2"});
  world.wait(1s); // due now, while the commit is under way, which gets a later time
  world.take();
  world.hold_commits = false;
  world.wall_skew = 1ms;
  world.commit();
  CHECK(world.running() == names{"0-1.bot/1"});
}

TEST_CASE("a due event that was cancelled before its place was certain does no harm") {
  loop_world world;
  world.publish({.id = "1", .due = "+10s"});
  world.wait(9s);
  world.hold_commits = true;
  world.publish({.id = "2"});
  world.wait(1s);
  world.ask(R"({"op":"cancel","event":"0-1"})");
  world.hold_commits = false;
  world.commit_all();
  CHECK(world.running() == names{"0-2.bot/1"});
  CHECK(world.core().pending_events() == 1);
}

TEST_CASE("a due time counts from acceptance, not from the offer") {
  loop_world world;
  world.hold_commits = true;
  world.publish({.id = "1", .due = "+10s", .expires = "+20s"});
  world.wait(3s);
  world.hold_commits = false;
  world.commit();
  world.take();
  world.wait(10s - 1ns);
  CHECK(world.take().empty());
  world.wait(1ns);
  CHECK(world.take() == lines{"start 0-1.bot/1"});
  world.wait(10s - 1ns);
  CHECK(world.take().empty());
  world.wait(1ns);
  CHECK(has(world.take(), "disk: expired 0-1.bot/1"));
}

TEST_CASE("a suspect that sleeps again, because the clock was set back, is still one") {
  loop_world world;
  world.publish({.id = "1", .due = "+10s"});
  world.publish({.id = "2"});
  world.done("0-2.bot/1");
  world.wait(10s);
  REQUIRE(world.running() == names{"0-1.bot/1"});
  world.wall_skew = -5s;
  world.restart(false);
  world.take();
  world.wait(5s);
  CHECK(world.take() == lines{"read 0-1", "disk: starting 0-1", "start 0-1.bot/1"});
}

TEST_CASE("a suspect behind a lane's head that waits for its retry is none; the head is") {
  loop_world world;
  world.publish_all({{.id = "1"}, {.id = "2"}});
  world.fail("0-1.bot/1", turn_verdict::failed, 10s);
  world.wait(10s);
  REQUIRE(world.running() == names{"0-1.bot/2"});
  world.wall_skew = -5s; // its retry is not due any more
  world.restart(false);
  world.take();
  world.wait(5s);
  auto trace = world.take();
  CHECK(has(trace, "disk: starting 0-1"));
  CHECK(world.running() == names{"0-1.bot/2"});
  world.done("0-1.bot/2");
  trace = world.take();
  CHECK_FALSE(has(trace, "disk: starting 0-2"));
  CHECK(world.running() == names{"0-2.bot/1"});
}

TEST_CASE("an accused one that sleeps again runs alone when its time comes") {
  loop_world world;
  world.publish_all({{.id = "1", .key = "a", .due = "+10s"}, {.id = "2", .key = "b"}});
  world.wait(10s);
  world.restart(false);
  world.restart(false); // both were durably started now
  world.wall_skew = -5s;
  world.restart(false);
  world.take();
  world.wait(60s);
  CHECK(world.running().size() == 1);
  world.done(*world.running().begin());
  CHECK(world.running().size() == 1);
}

TEST_CASE("a timer with an old key does nothing") {
  loop_world world;
  world.publish_all({{.id = "1", .due = "+5s", .expires = "+60s"}, {.id = "2", .key = "b"}});
  world.fail("0-2.bot/1", turn_verdict::failed, 20s);
  world.ask(R"({"op":"cancel","event":"0-1"})"); // its due time and its expiry are stale now
  world.ask(R"({"op":"cancel","event":"0-2"})"); // and so is its retry
  world.publish_all({{.id = "3", .key = "k"}, {.id = "4", .key = "b"}}); // in their places
  world.take();
  world.wait(120s);
  CHECK(world.take().empty());
  CHECK(world.running() == names{"0-3.bot/1", "0-4.bot/1"});
}

TEST_CASE("while engine time waits for the wall clock a due event costs few looks") {
  loop_world world;
  world.publish({.id = "1", .due = "+10s"});
  world.wait(10s - 1ns);
  world.freeze_wall = true;
  const std::size_t before = world.steps;
  world.wait(60s);
  CHECK(world.steps - before < 2'000);
  CHECK(world.running().empty());
  world.freeze_wall = false;
  world.wait(60s);
  CHECK(world.running() == names{"0-1.bot/1"});
}
