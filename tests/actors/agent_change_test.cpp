// agent_core: other settings while turns run.
#include "tests/actors/agent_world.hpp"

#include <catch2/catch.hpp>

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

namespace {

agent_change_in settings_with(std::uint32_t concurrency, duration timeout = 10s) {
  agent_change_in change;
  change.agent = agent_world::settings_of(agent_kind::exec, false).agent;
  change.agent.concurrency = concurrency;
  change.agent.timeout = timeout;
  return change;
}

std::vector<dispatched_turn> turns(std::uint64_t first, std::uint64_t last) {
  std::vector<dispatched_turn> all;
  for (std::uint64_t each = first; each <= last; ++each)
    all.push_back(dispatched(turn(each)));
  return all;
}

} // namespace

TEST_CASE("a turn has the time that its agent had when it began") {
  agent_world world;
  world.run_turns({dispatched(turn(1))}, 0);
  world.step(settings_with(8, 1s), 10);
  world.run_turns({dispatched(turn(2))}, 20);
  world.step(tick_in{}, 1'020);
  CHECK(world.stopped == std::vector<stop_stage>{stop_stage::terminate}); // the second alone
  world.step(ended({report(turn(2), turn_verdict::returned)}), 1'030);
  CHECK(world.only_outcome().error.find("longer than 1s") != std::string::npos);
  world.step(tick_in{}, 9'999);
  CHECK(world.stopped.empty());
  world.step(tick_in{}, 10'000);
  CHECK(world.stopped == std::vector<stop_stage>{stop_stage::terminate});
}

TEST_CASE("more concurrency opens slots at once") {
  agent_world world;
  world.step(settings_with(12), 10);
  CHECK(world.credits == std::vector<credit>{{"bot", 12}});
}

TEST_CASE("with less concurrency no more turns begin than it allows, though more slots are open") {
  agent_world world;
  world.run_turns(turns(1, 3), 0);
  world.step(settings_with(2), 10);
  world.dispatch_turns(turns(4, 8), 20); // by slots that were opened before
  CHECK(world.started.empty());
  world.step(ended({report(turn(1))}), 30);
  CHECK(world.started.empty()); // two run, as they began
  world.step(ended({report(turn(2))}), 40);
  REQUIRE(world.started.size() == 1);
  CHECK(world.started[0].turn == turn(4));
}

TEST_CASE("what was opened too much is taken back by turns that end") {
  agent_world world;
  world.run_turns(turns(1, 8), 0);
  world.step(settings_with(5), 10);
  CHECK(world.credits.empty());
  world.step(ended({report(turn(1)), report(turn(2)), report(turn(3))}), 20);
  CHECK(world.credits.empty());
  world.step(ended({report(turn(4))}), 30);
  CHECK(world.credits == std::vector<credit>{{"bot", 9}});
}

TEST_CASE("a slot that was to be taken back is open again when there is more concurrency") {
  agent_world world;
  world.run_turns(turns(1, 8), 0);
  world.step(settings_with(5), 10);
  world.step(settings_with(8), 20);
  CHECK(world.credits.empty()); // eight run, eight were opened
  world.step(ended({report(turn(1))}), 30);
  CHECK(world.credits == std::vector<credit>{{"bot", 9}});
}

TEST_CASE("an agent that becomes echo answers what comes, and its programs' turns end as before") {
  agent_world world;
  world.run_turns({dispatched(turn(1))}, 0);
  agent_change_in change = settings_with(8);
  change.agent.kind = agent_kind::echo;
  world.step(std::move(change), 10);
  world.dispatch_turns({dispatched(turn(2))}, 20);
  CHECK(world.only_outcome().reply.view() == "hello");
  world.step(ended({report(turn(1))}), 30);
  CHECK(world.only_outcome().turn == turn(1));
  CHECK(world.only_outcome().verdict == turn_verdict::done);
}
