// scheduler_core: another configuration while the loop works. What runs is not touched, what waits
// is not lost, and what comes later goes by the new one.
#include "loop_world.hpp"

#include <catch2/catch.hpp>

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

using lines = std::vector<std::string>;
using names = std::set<std::string>;

namespace {

world_settings two_agents() {
  world_settings two;
  two.agents = {{}, {.name = "other"}};
  two.routes = {{"a", "bot"}, {"b", "other"}};
  return two;
}

/// An event of each agent, both with a durable start and without an outcome. One of them runs.
void accuse_both(loop_world& world) {
  world.publish_all({{.id = "1", .key = "x", .type = "a"}, {.id = "2", .key = "y", .type = "b"}});
  world.restart(false);
  world.restart(false);
  world.wait(10s);
}

} // namespace

TEST_CASE("events go by the routes of the configuration in force when they come") {
  loop_world world;
  world.publish({.id = "1", .key = "a"});
  world.change({{}, {.name = "other"}}, {{"t", "other"}});
  world.publish({.id = "2", .key = "b"});
  CHECK(world.running() == names{"0-1.bot/1", "0-2.other/1"});
  world.done("0-1.bot/1");
  world.done("0-2.other/1");
  CHECK(world.core().pending_events() == 0);
}

TEST_CASE("what a turn emits goes by the routes in force when it ends") {
  loop_world world;
  world.publish({.id = "1"});
  world.change({{}, {.name = "other"}}, {{"t", "other"}});
  world.done("0-1.bot/1", world.emitting({{.id = "2"}}));
  CHECK(world.running() == names{"0-2.other/1"});
}

TEST_CASE("a running turn of an agent that has gone ends, and its lane goes on when it is back") {
  loop_world world;
  world.publish_all({{.id = "1"}, {.id = "2"}, {.id = "3", .key = "other"}});
  world.change({{.name = "new"}}, {{"*", "new"}});
  CHECK(world.running() == names{"0-1.bot/1", "0-3.bot/1"});
  world.done("0-1.bot/1");
  world.fail("0-3.bot/1");
  world.wait(1min);
  CHECK(world.running().empty());
  CHECK(world.core().pending_events() == 2);
  world.change({{}, {.name = "new"}}, {{"*", "new"}});
  CHECK(world.running() == names{"0-2.bot/1", "0-3.bot/2"});
}

TEST_CASE("what waits for an agent that has gone is there after a restart without it") {
  loop_world world;
  world.publish_all({{.id = "1"}, {.id = "2"}});
  world.change({{.name = "new"}}, {{"*", "new"}});
  world.done("0-1.bot/1");
  world.change({{}, {.name = "new"}}, {{"*", "new"}});
  CHECK(world.running() == names{"0-2.bot/1"});
}

TEST_CASE("slots of an agent that has gone are others' again") {
  loop_world world{{.agents = {{.slots = 2}}}};
  world.grants = false;
  world.publish_all({{.id = "1", .key = "a"}, {.id = "2", .key = "b"}});
  CHECK(world.running().empty());
  world.change({{.name = "new"}}, {{"*", "new"}});
  world.grants = true;
  world.wait(5s);
  CHECK(world.running().empty());
  world.change({{.slots = 2}, {.name = "new"}}, {{"*", "new"}});
  world.wait(5s);
  CHECK(world.running() == names{"0-1.bot/1", "0-2.bot/1"});
}

TEST_CASE("the slot for accused deliveries is not kept by an agent that has gone") {
  loop_world world{two_agents()};
  accuse_both(world);
  const names first = world.running();
  REQUIRE(first.size() == 1); // one at a time
  world.restart(false);
  const std::string gone = first.contains("0-1.bot/1") ? "bot" : "other";
  const std::string stays = gone == "bot" ? "other" : "bot";
  world.change({{.name = stays}}, {{"*", stays}});
  world.wait(30s);
  CHECK(world.running() == names{stays == "bot" ? "0-1.bot/1" : "0-2.other/1"});
}

TEST_CASE("turns of an agent that is no longer pure are waited for, and no further one overlaps") {
  loop_world world{{.agents = {{.pure = true}}}};
  world.publish_all({{.id = "1"}, {.id = "2"}, {.id = "3"}});
  CHECK(world.running().size() == 3);
  world.publish({.id = "4"});
  world.change({{.pure = false}}, {{"*", "bot"}});
  world.publish({.id = "5"});
  CHECK_FALSE(world.running().contains("0-5.bot/1"));
  for (const char* each : {"0-2.bot/1", "0-1.bot/1", "0-3.bot/1", "0-4.bot/1"})
    world.done(each);
  CHECK(world.running() == names{"0-5.bot/1"});
}

TEST_CASE("a failed turn before others that started while the agent was pure is tried again") {
  loop_world world{{.agents = {{.pure = true}}}};
  world.publish_all({{.id = "1"}, {.id = "2"}});
  world.change({{.pure = false}}, {{"*", "bot"}});
  world.done("0-2.bot/1"); // it waits for the one before
  world.fail("0-1.bot/1");
  world.wait(5s);
  CHECK(world.running() == names{"0-1.bot/2"});
  world.done("0-1.bot/2");
  CHECK(world.core().pending_events() == 0);
}

TEST_CASE(
    "long after an agent was pure a turn that is cancelled behind another lets none overlap it") {
  loop_world world{{.agents = {{.pure = true}}}};
  world.publish_all({{.id = "1"}, {.id = "2"}});
  world.change({{.pure = false}}, {{"*", "bot"}});
  world.done("0-1.bot/1");
  world.done("0-2.bot/1");
  world.publish_all({{.id = "3"}, {.id = "4"}, {.id = "5"}});
  CHECK(world.running() == names{"0-3.bot/1"});
  world.ask(R"({"op":"cancel","event":"0-5"})");
  CHECK(world.running() == names{"0-3.bot/1"});
  world.done("0-3.bot/1");
  CHECK(world.running() == names{"0-4.bot/1"});
}

TEST_CASE("after an agent was pure a turn waits until the one before is on disk") {
  loop_world world{{.agents = {{.pure = true}}}};
  world.change({{.pure = false}}, {{"*", "bot"}});
  world.publish({.id = "1"});
  world.hold_commits = true;
  world.done("0-1.bot/1");
  world.foreign({{.id = "f1"}, {.id = "f2"}}); // they stand before what is ending
  CHECK(world.running().empty());
  world.hold_commits = false;
  world.commit_all();
  CHECK(world.running() == names{"0-1000001.bot/1"});
}

TEST_CASE("a turn that began before its agent was pure may keep a state") {
  loop_world world;
  world.publish_all({{.id = "1"}, {.id = "2", .key = "other"}});
  world.change({{.pure = true}}, {{"*", "bot"}});
  turn_outcome counts;
  counts.sets_state = true;
  counts.state = slice{"7"};
  world.done("0-1.bot/1", counts);
  world.fall_asleep("0-2.bot/1", 1min, "8");
  CHECK(world.core().counted().dead == 0);
  CHECK(world.core().pending_events() == 1);
}

TEST_CASE("the slot for accused deliveries goes on when a turn comes back to no agent") {
  loop_world world{two_agents()};
  accuse_both(world);
  const names first = world.running();
  REQUIRE(first.size() == 1);
  const std::string stays = first.contains("0-1.bot/1") ? "other" : "bot";
  world.change({{.name = stays}}, {{"*", stays}});
  world.fail(*first.begin(), turn_verdict::returned);
  world.wait(30s);
  CHECK(world.running() == names{stays == "bot" ? "0-1.bot/1" : "0-2.other/1"});
}

TEST_CASE("failures are judged by the retries in force") {
  loop_world world{{.agents = {{.attempts = 5}}}};
  world.publish({});
  world.change({{.attempts = 1}}, {{"*", "bot"}});
  world.fail("0-1.bot/1");
  CHECK(world.core().counted().dead == 1);
}
