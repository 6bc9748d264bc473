// Goal: what reaches the engine while its actors are not there yet is not lost.
#include "actors/engine.hpp"
#include "protocol/frame.hpp"
#include "recorders.hpp"

#include <catch2/catch.hpp>

#include <caf/actor_system.hpp>
#include <caf/scheduler/test_coordinator.hpp>

#include <algorithm>

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

namespace {

/// An engine with an agent "bot", its jobs done.
struct running_engine {
  running_engine() : made{setup_of(clock, store, 2)} {
    for (const std::string& link : link_names(made.settings()))
      made.attach_bus(link, bus);
    made.attach_runner("bot", runner);
    store.agents = made.agent_names();
    made.start();
    run();
  }
  ~running_engine() {
    made.stop();
    run();
  }
  void run() { dynamic_cast<caf::scheduler::test_coordinator&>(made.system().scheduler()).run(); }
  settings_change with(std::vector<std::string> agents) {
    settings_change to;
    for (std::string& each : agents) {
      to.agents.push_back({});
      to.agents.back().name = each;
      to.routes.push_back({"*", "", "", std::move(each)});
    }
    return to;
  }
  std::vector<std::string> shown() const { return made.read_facts().agent_names; }

  still_clock clock;
  recording_store store;
  recording_bus bus;
  idle_runner runner;
  engine made;
};

} // namespace

TEST_CASE("a changed configuration brings an agent to life, and shows it") {
  running_engine world;
  settings_change to = world.with({"bot", "new"});
  std::vector<bool> prepared;
  world.made.prepare_change(to, [&](const result<void>& done) { prepared.push_back(done.ok()); });
  REQUIRE(prepared == std::vector<bool>{true});
  CHECK(world.shown().at(1).starts_with('!')); // not yet
  world.bus.sent.clear();
  REQUIRE(world.made.change(to, {}).ok());
  world.run();
  CHECK(world.shown().at(0) == "bot");
  CHECK(world.shown().at(1) == "new");
  CHECK(std::any_of(world.bus.sent.begin(), world.bus.sent.end(), [](const frame& each) {
    const auto* told = std::get_if<credit>(&each.body);
    return told != nullptr && told->agent == "new"; // it opens its slots
  }));
  const auto names = world.made.agent_names();
  CHECK(std::find(names.begin(), names.end(), "new") != names.end());
}

TEST_CASE("an agent that was taken out is not shown, keeps its number, and may come back") {
  running_engine world;
  for (const auto& agents : {std::vector<std::string>{"other"}, {"other", "bot"}}) {
    const settings_change to = world.with(agents);
    world.made.prepare_change(to, [](const result<void>& done) { CHECK(done.ok()); });
    REQUIRE(world.made.change(to, {{"bot", &world.runner}}).ok());
    world.run();
    CHECK(world.made.agent_names().at(0) == "bot");
    CHECK(world.shown().at(agents.size() - 1) == agents.back());
  }
}

TEST_CASE("a node that ends takes no other configuration over") {
  running_engine world;
  world.made.signal();
  CHECK(world.made.change(world.with({"bot"}), {}).error().code == errc::draining);
}

TEST_CASE("a node is told of another's configuration, and what it is asked is answered") {
  running_engine world;
  world.made.tell_config("{}", 3, "abc");
  CHECK(world.made.read_facts().config_generation == 3);
  api_answer said;
  world.made.ask_config("n2", {"ann", "here"}, "config.reload", "{}",
                        [&](api_answer how) { said = std::move(how); });
  REQUIRE(!world.bus.sent.empty());
  const frame& asked = world.bus.sent.back();
  CHECK(asked.header.to == address{"n2", "config"});
  const auto& question = std::get<query>(asked.body);
  const address n2{"n2", "config"};
  world.made.deliver(encode_frame({{"n3", "config"}, asked.header.from, 0, 7},
                                  answer{question.request, errc::none, "of another"}));
  CHECK(said.body.empty());
  world.made.deliver(
      encode_frame({n2, asked.header.from, 0, 7}, answer{question.request, errc::none, "{}"}));
  CHECK(said.body == "{}");
}
