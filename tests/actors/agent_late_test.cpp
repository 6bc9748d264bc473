// Turns that have not begun: cancelled before, or late on a shared store.
#include "tests/actors/agent_world.hpp"

#include <catch2/catch.hpp>

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

TEST_CASE("a turn that is cancelled before it begins goes back, and no program has it") {
  agent_world world;
  std::vector<agent_effect> out;
  world.core.take(frame_in{{{loop, {"n1", "agent/bot"}, 1},
                            dispatch{"bot", {dispatched(turn(1)), dispatched(turn(2))}}}},
                  at(0), out);
  const bool drains = GENERATE(false, true);
  if (drains)
    world.core.take(hasten_in{}, at(0), out);
  else
    world.core.take(
        frame_in{{{loop, {"n1", "agent/bot"}, 2}, cancel_turns{"bot", {turn(1), turn(2)}}}}, at(0),
        out);
  world.core.finish(at(1), out);
  world.sort_out(out);
  CHECK(world.started.empty());
  CHECK(world.stopped.empty());
  CHECK(world.left.empty());
  REQUIRE(world.said.size() == 1);
  REQUIRE(world.said[0].turns.size() == 2);
  for (const turn_outcome& each : world.said[0].turns)
    CHECK(each.verdict == turn_verdict::returned);
  CHECK(world.core.running() == 0);
  CHECK(world.credits == std::vector<credit>{{"bot", 10}});
}

TEST_CASE("on a shared store no turn begins that is late, by the time at which it would begin") {
  agent_core_settings settings =
      agent_world::settings_of(GENERATE(agent_kind::exec, agent_kind::echo), false);
  settings.shared = true;
  agent_world world{settings};
  const bool begins = GENERATE(true, false);
  const auto runs = [&] {
    return !world.started.empty() || world.only_outcome().verdict == turn_verdict::done;
  };
  world.step(lease_until_in{boot_time{1s}}, 0);
  SECTION("behind the end of the leases") {
    world.dispatch_turns({dispatched(turn(1))}, begins ? 999 : 1'000);
    CHECK(runs() == begins);
    if (!begins)
      CHECK(world.only_outcome().verdict == turn_verdict::returned);
  }
  SECTION("of a shard that was lost since it was sent") {
    world.step(lose_in{{{shard_id{}, begins ? epoch_no{3} : epoch_no{4}}}}, 1);
    world.dispatch_turns({dispatched(turn(1))}, 2); // of epoch 4
    CHECK(runs() == begins);
  }
}

TEST_CASE("time that goes by between a turn's arrival and its begin counts") {
  agent_core_settings settings = agent_world::settings_of(agent_kind::exec, false);
  settings.shared = true;
  agent_world world{settings};
  world.step(lease_until_in{boot_time{1s}}, 0);
  std::vector<agent_effect> out;
  world.core.take(
      frame_in{{{loop, {"n1", "agent/bot"}, 1}, dispatch{"bot", {dispatched(turn(1))}}}}, at(999),
      out);
  const bool loses = GENERATE(false, true);
  if (loses)
    world.core.take(lose_in{{{shard_id{}, epoch_no{4}}}}, at(999), out);
  world.core.finish(at(loses ? 999 : 1'000), out);
  world.sort_out(out);
  CHECK(world.started.empty());
  CHECK(world.only_outcome().verdict == turn_verdict::returned);
  CHECK(world.only_outcome().epoch == epoch_no{4});
  CHECK(world.core.running() == 0);
  CHECK(world.core.counted().returned == 1);
}
