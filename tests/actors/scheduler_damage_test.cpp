// Pending deliveries that the store cannot read: which of them end, which wait, and that the others
// go on.
#include "tests/actors/loop_world.hpp"

#include <catch2/catch.hpp>

namespace skein::test {

namespace {

using namespace std::chrono_literals;
using names = std::set<std::string>;

/// Few deliveries in memory: `all` of all agents, `of_lane` of a lane.
world_settings narrow(std::size_t all, std::size_t of_lane) {
  world_settings made{.agents = {{.name = "bot", .slots = 10}}};
  made.window = {all, 1, of_lane, 2s};
  made.bodies_in_rows = true;
  return made;
}

/// Ends every turn that runs, again and again.
void run_all(loop_world& world) {
  for (auto running = world.running(); !running.empty(); running = world.running())
    for (const std::string& turn : running)
      world.done(turn);
}

} // namespace

TEST_CASE("what the store cannot read of a backlog ends dead, and the others run") {
  loop_world world{narrow(100, 10)};
  std::vector<event_words> all;
  for (int i = 1; i <= 4; ++i)
    all.push_back({.id = std::to_string(i), .key = std::to_string(i)});
  world.publish_all(all);
  world.unreadable = {2};
  world.restart(true);
  CHECK(world.running() == names{"0-1.bot/1", "0-3.bot/1", "0-4.bot/1"});
  CHECK(world.core().pending_events() == 3);
}

TEST_CASE("a sleeper that the store cannot read ends dead, and those behind it come in time") {
  loop_world world{narrow(100, 10)};
  world.publish({.id = "1", .key = "a", .due = "+1h"});
  world.publish({.id = "2", .key = "b", .due = "+1h"});
  world.wait(59min);
  world.unreadable = {1};
  world.wait(1min);
  CHECK(world.running() == names{"0-2.bot/1"});
  CHECK(world.core().pending_events() == 1);
  world.publish({.id = "3", .key = "c"});
  CHECK(world.running() == names{"0-2.bot/1", "0-3.bot/1"});
}

TEST_CASE("what lies on a page that cannot be read waits in its lane, and is not ended") {
  loop_world world{narrow(100, 10)};
  std::vector<event_words> all;
  for (int i = 1; i <= 3; ++i)
    for (const char* key : {"a", "b", "c"})
      all.push_back({.id = key + std::to_string(i), .key = key});
  world.publish_all(all);
  world.on_bad_page = {{1, true}, {2, false}}; // a1 and b1
  world.restart(true);
  CHECK(world.running() == names{"0-3.bot/1", "0-5.bot/1"}); // c1, b2; nothing of a
  for (int i = 0; i < 10; ++i)
    run_all(world);
  world.wait(72h);
  run_all(world);
  CHECK(world.running().empty());
  CHECK(world.store().events_ledger()->dead == 0);
  CHECK(world.store().events_ledger()->pending == 4);

  world.ask(R"({"op":"cancel","event":"0-2"})");
  world.ask(R"({"op":"cancel","event":"0-1"})");
  world.give_rows();
  world.commit_all();
  run_all(world);
  CHECK(world.store().events_ledger()->cancelled == 2);
  CHECK(world.store().events_ledger()->pending == 0);
}

TEST_CASE("so many events are ended for damage, and no more without a person") {
  loop_world world{narrow(4'000, 4'000)};
  std::vector<event_words> all;
  for (int i = 1; i <= 1'003; ++i) {
    all.push_back({.id = std::to_string(i), .key = std::to_string(i)});
    world.unreadable.insert(static_cast<std::uint64_t>(i));
  }
  all.push_back({.id = "whole", .key = "whole"});
  world.publish_all(all);
  world.restart(true);
  run_all(world);
  CHECK(world.store().events_ledger()->dead == 1'000);
  CHECK(world.store().events_ledger()->done == 1);
  CHECK(world.store().events_ledger()->pending == 3);
}

} // namespace skein::test
