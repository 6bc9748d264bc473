// Goal: what reaches the engine while its actors are not there yet is not lost.
#include "actors/engine.hpp"
#include "recorders.hpp"

#include <catch2/catch.hpp>

#include <caf/actor_system.hpp>
#include <caf/scheduler/test_coordinator.hpp>

using namespace skein;
using namespace skein::test;

namespace {

struct idle_runner final : runner_port {
  void start(std::vector<turn_start>) override {}
  void stop(turn_id, stop_stage) override {}
};

} // namespace

TEST_CASE("what a runner tells before the agents are there reaches them") {
  still_clock clock;
  recording_store store;
  recording_bus bus;
  idle_runner runner;
  engine_setup setup;
  setup.settings.node = "n1";
  setup.settings.loops = 1;
  setup.settings.agents.resize(1);
  setup.settings.agents[0].name = "bot";
  setup.settings.agents[0].kind = agent_kind::exec;
  setup.agent_names = agent_names_of(setup.settings);
  setup.clock = &clock;
  setup.store_at = &store;
  setup.log = [](std::string_view, const log_effect&) {};
  setup.testing = true;
  engine made{std::move(setup)};
  for (const std::string& link : link_names(made.settings()))
    made.attach_bus(link, bus);
  made.attach_runner("bot", runner);
  runner_health broken;
  broken.error = "there is no program bot";
  made.report("bot", {{}, {}, broken});
  made.start();
  auto& jobs = dynamic_cast<caf::scheduler::test_coordinator&>(made.system().scheduler());
  jobs.run();
  CHECK(made.read_facts().agents.at(0).health == broken);
  made.stop();
  jobs.run();
}
