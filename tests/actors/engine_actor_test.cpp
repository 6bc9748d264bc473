// Goal: what reaches the engine while its actors are not there yet is not lost.
#include "actors/engine.hpp"
#include "protocol/frame.hpp"
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

engine_setup setup_of(still_clock& clock, recording_store& store, std::uint32_t loops) {
  engine_setup setup;
  setup.settings.node = "n1";
  setup.settings.loops = loops;
  setup.settings.agents.resize(1);
  setup.settings.agents[0].name = "bot";
  setup.settings.agents[0].kind = agent_kind::exec;
  setup.agent_names = agent_names_of(setup.settings);
  setup.clock = &clock;
  setup.store_at = &store;
  setup.log = [](std::string_view, const log_effect&) {};
  setup.testing = true;
  return setup;
}

/// The answers of loops to what the gateway has asked them.
void answer_all(engine& asked, const recording_bus& bus, errc code) {
  for (const frame& each : bus.sent)
    if (const auto* question = std::get_if<query>(&each.body)) {
      frame_header header = each.header;
      std::swap(header.from, header.to);
      asked.deliver(encode_frame(header, answer{question->request, code, "{}"}));
    }
}

} // namespace

TEST_CASE("what a runner tells before the agents are there reaches them") {
  still_clock clock;
  recording_store store;
  recording_bus bus;
  idle_runner runner;
  engine made{setup_of(clock, store, 1)};
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

TEST_CASE("a probe asks every loop, and only the answers of all of them are a yes") {
  still_clock clock;
  recording_store store;
  recording_bus bus;
  idle_runner runner;
  engine made{setup_of(clock, store, 3)};
  for (const std::string& link : link_names(made.settings()))
    made.attach_bus(link, bus);
  made.attach_runner("bot", runner);
  made.start();
  auto& jobs = dynamic_cast<caf::scheduler::test_coordinator&>(made.system().scheduler());
  for (const errc code : {errc::none, errc::timed_out}) {
    std::vector<bool> told;
    bus.sent.clear();
    made.probe(std::chrono::seconds{1}, [&](bool all) { told.push_back(all); });
    jobs.run();
    CHECK(bus.count<query>() == 3);
    CHECK(told.empty());
    answer_all(made, bus, code);
    jobs.run();
    CHECK(told == std::vector<bool>{code == errc::none});
  }
  made.stop();
  jobs.run();
}
