// The shells of loops and agents: what waits in a mailbox together is finished with once. Without
// that, a backlog of busy keys goes round in frames, submits and commits of one event each.
#include "actors/interfaces.hpp"
#include "recorders.hpp"

#include <catch2/catch.hpp>

#include <caf/scheduler/test_coordinator.hpp>

using namespace skein;
using namespace skein::test;

namespace {

struct actor_config : caf::actor_system_config {
  actor_config() { set("scheduler.policy", caf::atom("testing")); }
};

struct stage_of_actors {
  actor_config config;
  caf::actor_system system{config};
  still_clock clock;
  recording_bus bus;
  recording_store store;
  caf::actor nobody = system.spawn([](caf::event_based_actor*) {});

  void run() { dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler()).run(); }
};

const address loop_at{"n1", "loop/0"};
const address agent_at{"n1", "agent/bot"};
const address gateway_at{"n1", "gateway"};

frame_in dispatch_of(std::uint64_t number) {
  dispatched_turn turn;
  turn.turn = {{{shard_id{0}, number}, 0}, 1};
  return {{{loop_at, agent_at, number}, dispatch{"bot", {turn}}}};
}

frame_in publish_of(std::uint64_t number, const hash_settings& hash) {
  event made;
  made.id = std::to_string(number);
  made.source = "test";
  made.type = "t";
  return {{{gateway_at, loop_at, number}, publish{{offer(made, hash, {}, no_instant).value()}}}};
}

void tell(const caf::actor& whom, agent_input input) {
  caf::anon_send(whom, make_parcel(std::move(input)));
}
void tell(const caf::actor& whom, scheduler_input input) {
  caf::anon_send(whom, make_parcel(std::move(input)));
}

} // namespace

TEST_CASE("an agent answers what waits for it in one frame") {
  stage_of_actors on;
  auto parts = std::make_shared<agent_parts>();
  agent_core_settings settings;
  settings.agent.name = "bot";
  settings.agent.kind = agent_kind::echo;
  settings.node = "n1";
  parts->core = std::make_unique<agent_core>(settings);
  parts->clock = &on.clock;
  parts->bus = &on.bus;
  parts->shutdown = on.nobody;
  parts->log = [](std::string_view, const log_effect&) {};
  parts->facts = std::make_shared<board<agent_facts>>();
  const caf::actor agent = on.system.spawn(agent_actor, parts);
  on.run();
  for (std::uint64_t number = 1; number <= 20; ++number)
    tell(agent, agent_input{dispatch_of(number)});
  on.run();
  REQUIRE(on.bus.count<outcomes>() == 1);
  for (const frame& each : on.bus.sent)
    if (const auto* said = std::get_if<outcomes>(&each.body))
      CHECK(said->turns.size() == 20);
  tell(agent, agent_input{dispatch_of(21)});
  on.run();
  CHECK(on.bus.count<outcomes>() == 2); // and the next burst has its own end
}

TEST_CASE("a loop submits what waits for it at once, up to what keeps the journal busy") {
  stage_of_actors on;
  auto parts = std::make_shared<scheduler_parts>();
  scheduler_settings settings;
  settings.self = loop_at;
  settings.shards = hash_settings{}.shards;
  settings.epoch = epoch_no{1};
  parts->core = std::make_unique<scheduler_core>(settings);
  parts->clock = &on.clock;
  parts->store = &on.store;
  parts->bus = &on.bus;
  parts->retry = on.nobody;
  parts->shutdown = on.nobody;
  parts->log = [](std::string_view, const log_effect&) {};
  parts->facts = std::make_shared<board<loop_facts>>();
  const caf::actor loop = on.system.spawn(scheduler_actor, parts);
  on.run();
  const hash_settings hash;
  for (std::uint64_t number = 1; number <= 100; ++number)
    tell(loop, scheduler_input{publish_of(number, hash)});
  on.run();
  CHECK(on.store.submits == std::vector<std::size_t>{100});
  on.store.submits.clear();
  for (std::uint64_t number = 101; number <= 5'100; ++number)
    tell(loop, scheduler_input{publish_of(number, hash)});
  on.run();
  CHECK(on.store.submits == std::vector<std::size_t>{2'048, 2'048, 904});
}
