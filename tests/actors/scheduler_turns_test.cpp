// scheduler_core: from a publish to the end of its deliveries.
#include "loop_world.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

using lines = std::vector<std::string>;

TEST_CASE("a publish is answered, and its turn started, only after the commit") {
  loop_world world;
  world.hold_commits = true;
  world.publish({});
  CHECK(world.take().empty());
  CHECK(world.submits_held() == 1);
  world.commit();
  CHECK(world.take() ==
        lines{"disk: accepted 0-1", "answer to publish 1: durable 0-1", "start 0-1.bot/1"});
}

TEST_CASE("a publish frame that comes again is answered as before and submitted once") {
  loop_world world;
  world.hold_commits = true;
  world.publish({});
  world.publish_again(1);
  CHECK(world.submits_held() == 1);
  world.commit();
  world.take();
  world.publish_again(1);
  CHECK(world.take() == lines{"answer to publish 1: durable 0-1"});
  CHECK(world.submits_held() == 0);
}

TEST_CASE("the same event in another frame is a duplicate, with other content a conflict") {
  loop_world world;
  world.publish({});
  world.take();
  world.publish({});
  CHECK(world.take().back() == "answer to publish 2: duplicate 0-1");
  world.publish({.data = "other"});
  CHECK(world.take().back() == "answer to publish 3: identity-conflict");
  CHECK(world.core().pending_events() == 1);
  CHECK(world.core().counted().duplicates == 1);
}

TEST_CASE("a lane's next turn starts only after the outcome before it is on disk") {
  loop_world world;
  world.publish_all({{.id = "1"}, {.id = "2"}, {.id = "3", .key = "other"}});
  CHECK(world.running() == std::set<std::string>{"0-1.bot/1", "0-3.bot/1"});
  world.hold_commits = true;
  world.done("0-1.bot/1");
  CHECK(world.running() == std::set<std::string>{"0-3.bot/1"});
  world.take();
  world.commit();
  CHECK(world.take() == lines{"disk: done 0-1.bot/1", "start 0-2.bot/1"});
}

TEST_CASE("what waits together is submitted, dispatched and told together") {
  loop_world world{{.agents = {{.slots = 100}}}};
  std::vector<event_words> events;
  for (int i = 0; i < 50; ++i) {
    events.push_back({.id = std::to_string(i), .key = std::to_string(i)});
    events.push_back({.id = "next " + std::to_string(i), .key = std::to_string(i)});
  }
  world.publish_all(events);
  REQUIRE(world.running().size() == 50);
  world.take();
  world.hold_commits = true;
  const auto first = world.running();
  world.together([&] {
    for (const std::string& each : first)
      world.done(each);
  });
  CHECK(world.submits_held() == 1);
  CHECK(world.largest_submit == 100); // the publish before
  const std::size_t frames = world.frames;
  world.commit();
  CHECK(world.running().size() == 50);
  CHECK(world.frames - frames <= 2); // one dispatch, perhaps a word to the broker
  CHECK(world.take().size() == 100); // done on disk, and the next one started
}

TEST_CASE("a cancel that waits together with what would start the event is in time") {
  loop_world world{{.agents = {{.slots = 1}}}};
  world.publish_all({{.id = "1"}, {.id = "2"}});
  world.hold_commits = true;
  world.done("0-1.bot/1");
  world.take();
  world.together([&] {
    world.ask(R"({"op":"cancel","event":"0-2"})");
    world.hold_commits = false;
    world.commit();
  });
  CHECK(world.running().empty());
  CHECK(world.core().counted().done == 1);
  CHECK(world.core().counted().cancelled == 1);
}

TEST_CASE("no more turns run than the agent has slots") {
  loop_world world{{.agents = {{.slots = 2}}}};
  for (int i = 1; i <= 5; ++i)
    world.publish({.id = std::to_string(i), .key = std::to_string(i)});
  CHECK(world.running().size() == 2);
  while (!world.running().empty()) {
    world.done(*world.running().begin());
    CHECK(world.running().size() <= 2);
  }
  CHECK(world.core().counted().done == 5);
  CHECK(world.core().pending_events() == 0);
}

TEST_CASE("a repeated outcomes frame is acknowledged and used once") {
  loop_world world;
  world.publish({});
  world.done("0-1.bot/1");
  world.take();
  world.say_again();
  CHECK(world.take().empty());
  CHECK(world.core().counted().done == 1);
}

TEST_CASE("a failed attempt is on disk before its retry waits, and the retry keeps its lane") {
  loop_world world;
  world.publish_all({{.id = "1"}, {.id = "2"}});
  world.take();
  world.hold_commits = true;
  world.fail("0-1.bot/1");
  CHECK(world.take().empty());
  world.wait(5s);
  CHECK(world.take().empty());
  world.hold_commits = false;
  world.commit();
  CHECK(world.take() == lines{"disk: failed 0-1.bot/1, again at +1s", "start 0-1.bot/2"});
  world.fail("0-1.bot/2");
  CHECK(world.take() == lines{"disk: failed 0-1.bot/2, again at +7s"});
  world.wait(1999ms);
  CHECK(world.take().empty());
  world.wait(1ms);
  CHECK(world.take() == lines{"start 0-1.bot/3"});
  world.done("0-1.bot/3");
  CHECK(world.take() == lines{"disk: done 0-1.bot/3", "start 0-2.bot/1"});
}

TEST_CASE("the last attempt and a rejected one make a dead letter, and the lane goes on") {
  loop_world world{{.agents = {{.attempts = 1}}}};
  world.publish_all({{.id = "1"}, {.id = "2"}, {.id = "3"}});
  world.take();
  world.fail("0-1.bot/1");
  CHECK(world.take() ==
        lines{"disk: dead 0-1.bot/1 agent-failed", "log delivery-dead 0-1.bot", "start 0-2.bot/1"});
  world.fail("0-2.bot/1", turn_verdict::rejected);
  CHECK(world.take() == lines{"disk: dead 0-2.bot/1 agent-rejected", "log delivery-dead 0-2.bot",
                              "start 0-3.bot/1"});
  CHECK(world.core().counted().dead == 2);
}

TEST_CASE("the agent's own wish for a delay is kept") {
  loop_world world;
  world.publish({});
  world.fail("0-1.bot/1", turn_verdict::failed, 30s);
  CHECK(world.take().back() == "disk: failed 0-1.bot/1, again at +30s");
}

TEST_CASE("a turn that is given back counts nothing and starts again") {
  loop_world world;
  world.publish({});
  world.take();
  world.fail("0-1.bot/1", turn_verdict::returned);
  CHECK(world.take() == lines{"start 0-1.bot/1"});
  CHECK(world.core().counted().failed == 0);
}

TEST_CASE("a due event waits for its time to the nanosecond and then runs") {
  loop_world world;
  world.publish({.due = "+10s"});
  CHECK(world.take() == lines{"disk: accepted 0-1", "answer to publish 1: durable 0-1"});
  world.wait(10s - 1ns);
  CHECK(world.take().empty());
  world.wait(1ns);
  CHECK(world.take() == lines{"start 0-1.bot/1"});
}

TEST_CASE("a due event does not run early when the wall clock is set back, nor twice") {
  loop_world world;
  world.publish({.due = "+10s"});
  world.take();
  world.wait(5s);
  world.wall_skew = -60s;
  world.wait(10s);
  CHECK(world.take().empty());
  world.wait(55s);
  CHECK(world.take() == lines{"start 0-1.bot/1"});
  world.wait(100s);
  CHECK(world.take().empty());
}

TEST_CASE(
    "a retry waits as long as it should though the clock is set before its failure is durable") {
  loop_world world;
  world.publish({});
  world.hold_commits = true;
  world.fail("0-1.bot/1", turn_verdict::failed, 30s);
  world.wall_skew = 20s;
  world.hold_commits = false;
  world.commit_all();
  world.take();
  world.wait(29s);
  CHECK(world.take().empty());
  world.wait(1s);
  CHECK(world.take() == lines{"start 0-1.bot/2"});
}

TEST_CASE("an event expires while it waits and while it runs") {
  loop_world world;
  world.publish_all({{.id = "1", .expires = "+5s"}, {.id = "2", .expires = "+5s"}});
  world.take();
  world.wait(4999ms);
  CHECK(world.take().empty());
  world.wait(1ms);
  CHECK(world.take() ==
        lines{"stop 0-1.bot/1", "disk: expired 0-1.bot/1", "disk: expired 0-2.bot/0"});
  world.done("0-1.bot/1"); // too late
  CHECK(world.take().empty());
  CHECK(world.core().counted().expired == 2);
}

TEST_CASE("many events that expire at one instant go to the journal in legal portions") {
  loop_world world;
  world.grants = false;
  std::vector<event_words> batch;
  for (int frame = 0; frame < 10; ++frame) {
    batch.clear();
    for (int i = 0; i < 1'000; ++i)
      batch.push_back({.id = std::to_string(frame * 1'000 + i), .expires = "+5s"});
    world.publish_all(batch);
  }
  world.wait(5s);
  CHECK(world.core().counted().expired == 10'000);
  CHECK(world.core().pending_events() == 0);
  CHECK(world.largest_submit == limits::commit_operations_max);
}

TEST_CASE("every agent with a route gets its own delivery, and the event ends with the last") {
  loop_world world{
      {.agents = {{.name = "bot"}, {.name = "audit"}}, .routes = {{"*", "bot"}, {"t", "audit"}}}};
  world.publish({});
  CHECK(world.running() == std::set<std::string>{"0-1.bot/1", "0-1.audit/1"});
  world.take();
  world.done("0-1.audit/1");
  CHECK(world.take() == lines{"disk: done 0-1.audit/1, event goes on"});
  CHECK(world.core().pending_events() == 1);
  world.fail("0-1.bot/1", turn_verdict::rejected);
  CHECK(world.take() == lines{"disk: dead 0-1.bot/1 agent-rejected", "log delivery-dead 0-1.bot"});
  CHECK(world.core().pending_events() == 0);
  CHECK(world.store().events_ledger()->dead == 1);
  CHECK(world.store().deliveries_ledger()->done == 1);
}

TEST_CASE("each start and end of a turn is told where that is wanted") {
  loop_world world{{.tell_turns = true}};
  world.publish({});
  world.take();
  world.fail("0-1.bot/1", turn_verdict::rejected);
  CHECK(world.take() == lines{"disk: dead 0-1.bot/1 agent-rejected", "log delivery-ended 0-1.bot",
                              "log delivery-dead 0-1.bot"});
  world.publish({.id = "2"});
  CHECK(world.take() == lines{"disk: accepted 0-2", "answer to publish 2: durable 0-2",
                              "log turn-started 0-2.bot", "start 0-2.bot/1"});
}

TEST_CASE("an event without a route is done at once, with a warning, one a minute at most") {
  loop_world world{{.routes = {{"other", "bot"}}}};
  world.publish({});
  CHECK(world.take() ==
        lines{"disk: accepted 0-1", "log event-unrouted 0-1", "answer to publish 1: durable 0-1"});
  world.publish({.id = "2"});
  CHECK(world.take() == lines{"disk: accepted 0-2", "answer to publish 2: durable 0-2"});
  CHECK(world.core().counted().unrouted == 2);
  CHECK(world.store().events_ledger()->done == 2);
}

TEST_CASE("a publish that matches too many routes is refused at once, member by member") {
  world_settings many;
  many.agents.clear();
  many.routes.clear();
  for (std::size_t i = 0; i <= limits::deliveries_per_event_max; ++i) {
    many.agents.push_back({.name = "a" + std::to_string(i)});
    many.routes.push_back({i == 0 ? "*" : "wide", "a" + std::to_string(i)});
  }
  loop_world world{many};
  world.publish({.id = "1", .type = "wide"});
  CHECK(world.take() == lines{"answer to publish 1: too-many-deliveries"});
  world.publish_again(1);
  CHECK(world.take() == lines{"answer to publish 1: too-many-deliveries"});
  world.publish_all({{.id = "2", .type = "wide"}, {.id = "3", .type = "narrow"}});
  CHECK(world.take() == lines{"disk: accepted 0-1",
                              "answer to publish 2: too-many-deliveries, durable 0-1",
                              "start 0-1.a0/1"});
}

TEST_CASE("emitted events are in the completion's commit and run after it") {
  loop_world world;
  world.publish({});
  world.take();
  world.done("0-1.bot/1", world.emitting({{.id = "e1", .key = "x"}, {.id = "e2", .key = "y"}}));
  CHECK(world.take() ==
        lines{"disk: done 0-1.bot/1 emits 0-2 emits 0-3", "start 0-2.bot/1", "start 0-3.bot/1"});
}

TEST_CASE("an emitted event with the identity of another one makes a dead letter") {
  loop_world world;
  world.publish({});
  world.take();
  world.done("0-1.bot/1", world.emitting({{.id = "1", .data = "other"}}));
  CHECK(world.take() == lines{"disk: done 0-1.bot/1 refused: emit conflict",
                              "disk: dead 0-1.bot/1 identity-conflict",
                              "log delivery-dead 0-1.bot"});
  CHECK(world.core().pending_events() == 0);
}

TEST_CASE("events of another loop's commit are taken in and run") {
  loop_world world;
  world.foreign({{.id = "f1"}, {.id = "f2"}});
  CHECK(world.take() == lines{"start 0-1000001.bot/1"});
  CHECK(world.core().pending_events() == 2);
}

TEST_CASE("state is handed from turn to turn, from memory and from the store") {
  loop_world world;
  world.publish_all({{.id = "1"}, {.id = "2"}});
  turn_outcome counts;
  counts.sets_state = true;
  counts.state = slice{"7"};
  world.take();
  world.done("0-1.bot/1", counts);
  CHECK(world.take() == lines{"disk: done 0-1.bot/1 state=7", "start 0-2.bot/1 state=7"});
  world.done("0-2.bot/1");
  world.take();
  world.publish({.id = "3"});
  CHECK(world.take() == lines{"disk: accepted 0-3", "answer to publish 2: durable 0-3",
                              "read state of bot k", "start 0-3.bot/1 state=7"});
  turn_outcome forgets;
  forgets.deletes_state = true;
  world.done("0-3.bot/1", forgets);
  world.take();
  world.publish({.id = "4"});
  CHECK(world.take().back() == "start 0-4.bot/1");
}

TEST_CASE("a state that cannot be read is read again, and nothing runs without it") {
  loop_world world;
  world.publish({.id = "1"});
  turn_outcome counts;
  counts.sets_state = true;
  counts.state = slice{"7"};
  world.done("0-1.bot/1", counts);
  world.fail_reads = true;
  world.publish({.id = "2"});
  CHECK(world.running().empty());
  world.take();
  world.fail_reads = false;
  world.wait(1s);
  CHECK(world.take() == lines{"read state of bot k", "start 0-2.bot/1 state=7"});
}

TEST_CASE("an agent declared pure may not keep state") {
  loop_world world{{.agents = {{.pure = true}}}};
  world.publish({});
  turn_outcome counts;
  counts.sets_state = true;
  world.take();
  world.done("0-1.bot/1", counts);
  CHECK(world.take() ==
        lines{"disk: dead 0-1.bot/1 agent-output-invalid", "log delivery-dead 0-1.bot"});
}

TEST_CASE("a pure agent's outcomes are used in lane order, whatever order they come in") {
  loop_world world{{.agents = {{.pure = true}}}};
  world.publish_all({{.id = "1"}, {.id = "2"}, {.id = "3"}});
  CHECK(world.running().size() == 3);
  world.take();
  world.done("0-3.bot/1");
  world.done("0-2.bot/1");
  CHECK(world.take().empty());
  world.done("0-1.bot/1");
  CHECK(world.take() ==
        lines{"disk: done 0-1.bot/1", "disk: done 0-2.bot/1", "disk: done 0-3.bot/1"});
}

TEST_CASE("outcomes held behind a cancelled or expired turn of a pure lane are used") {
  loop_world world{{.agents = {{.pure = true}}}};
  world.publish_all({{.id = "1", .expires = "+5s"}, {.id = "2"}});
  world.done("0-2.bot/1");
  world.take();
  SECTION("cancelled") { world.ask(R"({"op":"cancel","event":"0-1"})"); }
  SECTION("expired") { world.wait(5s); }
  const auto trace = world.take();
  CHECK(std::count(trace.begin(), trace.end(), "disk: done 0-2.bot/1") == 1);
  CHECK(world.core().pending_events() == 0);
}
