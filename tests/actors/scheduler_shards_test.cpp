// Shards that come to a loop and go while it works: nothing is lost, nothing runs beside its
// successor, and what was given up counts for nothing.
#include "tests/actors/loop_world.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

namespace skein::test {

namespace {

using namespace std::chrono_literals;
using lines = std::vector<std::string>;
using names = std::set<std::string>;

constexpr epoch_no later{1'000};

world_settings of_shards(std::uint32_t shards) {
  world_settings made{.agents = {{.name = "bot"}}};
  made.shards = shards;
  made.bodies_in_rows = true;
  return made;
}

/// A key of that shard.
std::string key_of(const loop_world& world, shard_id shard) {
  for (int i = 0;; ++i)
    if (world.offered({.key = "k" + std::to_string(i)}).shard == shard)
      return "k" + std::to_string(i);
}

constexpr shard_id first{0};
constexpr shard_id second{1};

bool has(const lines& trace, const std::string& line) {
  return std::find(trace.begin(), trace.end(), line) != trace.end();
}

} // namespace

TEST_CASE("a shard is given up when what runs has ended and is durable", "[shards]") {
  loop_world world{of_shards(2)};
  const std::string key = key_of(world, first);
  world.publish_all({{.id = "1", .key = key}, {.id = "2", .key = key}});
  REQUIRE(world.running() == names{"0-1.bot/1"});
  world.take();
  world.leave({first});
  CHECK(!has(world.take(), "gave up 0"));
  world.hold_commits = true;
  world.done("0-1.bot/1");
  CHECK(!has(world.take(), "gave up 0")); // it ended, but is not durable
  world.hold_commits = false;
  world.commit_all();
  CHECK(has(world.take(), "gave up 0"));
  CHECK(world.running().empty()); // the second one is for who gets the shard
  CHECK(world.core().pending_events() == 0);
}

TEST_CASE("a shard that leaves takes events until nothing of it runs", "[shards]") {
  loop_world world{of_shards(2)};
  const std::string key = key_of(world, first);
  world.publish({.id = "1", .key = key});
  world.leave({first});
  world.take();
  world.publish({.id = "2", .key = key});
  CHECK(world.core().pending_events() == 2);
  world.done("0-1.bot/1");
  CHECK(has(world.take(), "gave up 0"));
  world.publish({.id = "3", .key = key});
  const lines refused = world.take();
  CHECK(std::any_of(refused.begin(), refused.end(), [](const std::string& line) {
    return line.find("not-owner") != std::string::npos;
  }));
  world.publish({.id = "4", .key = key_of(world, second)}); // the other one goes on
  CHECK(world.running().size() == 1);
}

TEST_CASE("a shard that stays after all goes on", "[shards]") {
  loop_world world{of_shards(2)};
  const std::string key = key_of(world, first);
  world.publish_all({{.id = "1", .key = key}, {.id = "2", .key = key}});
  world.leave({first});
  world.publish({.id = "3", .key = "other-" + key_of(world, first)});
  world.stay({first});
  world.done("0-1.bot/1");
  while (!world.running().empty())
    world.done(*world.running().begin());
  CHECK(world.core().pending_events() == 0);
  CHECK(!has(world.take(), "gave up 0"));
}

TEST_CASE("what comes with a shard runs here, in the order of its lanes", "[shards]") {
  const bool narrow = GENERATE(false, true);
  world_settings made = of_shards(2);
  if (narrow)
    made.window = {8, 1, 2, 2s};
  loop_world world{std::move(made)};
  const std::string key = key_of(world, first);
  std::vector<event_words> many;
  for (int i = 1; i <= 60; ++i)
    many.push_back({.id = std::to_string(i), .key = key});
  world.publish_all(many);
  world.leave({first});
  world.done("0-1.bot/1");
  REQUIRE(has(world.take(), "gave up 0"));
  world.adopt({first}, later);
  CHECK(world.core().pending_events() == 59);
  world.publish({.id = "61", .key = key});
  std::vector<std::uint64_t> order;
  while (!world.running().empty()) {
    REQUIRE(world.running().size() == 1);
    const std::string turn = *world.running().begin();
    order.push_back(std::stoull(turn.substr(2)));
    world.done(turn);
  }
  CHECK(order.size() == 60);
  CHECK(std::is_sorted(order.begin(), order.end()));
  CHECK(world.core().pending_events() == 0);
}

TEST_CASE("of a lost shard what runs counts for nothing, and its lane waits for it", "[shards]") {
  loop_world world{of_shards(2)};
  const std::string key = key_of(world, first);
  world.publish_all({{.id = "1", .key = key}, {.id = "2", .key = key}});
  world.take();
  world.lose({first});
  const lines told = world.take();
  CHECK(has(told, "gave up 0"));
  CHECK(world.core().pending_events() == 0);
  world.adopt({first}, later, true);
  CHECK(world.core().pending_events() == 2);
  CHECK(world.running() == names{"0-1.bot/1"}); // the old turn, still
  world.done("0-1.bot/1");
  CHECK(world.core().pending_events() == 2);      // it did not count
  REQUIRE(world.running() == names{"0-1.bot/1"}); // again, by the new epoch
  world.done("0-1.bot/1");
  world.done("0-2.bot/1");
  CHECK(world.core().pending_events() == 0);
  CHECK(world.store().events_ledger()->done == 2);
}

TEST_CASE("what the store refuses for its epoch is lost with its shard", "[shards]") {
  loop_world world{of_shards(2)};
  const std::string key = key_of(world, first);
  world.publish({.id = "1", .key = key});
  REQUIRE(world.store().fence(first, later).ok());
  world.take();
  SECTION("an outcome") { world.done("0-1.bot/1"); }
  SECTION("a failed attempt") { world.fail("0-1.bot/1"); }
  SECTION("a new event") { world.publish({.id = "2", .key = key}); }
  const lines told = world.take();
  CHECK(has(told, "fenced 0"));
  CHECK(has(told, "gave up 0"));
  CHECK(world.core().pending_events() == 0);
  CHECK(world.store().events_ledger()->pending == 1);
}

TEST_CASE("delayed events go and come with their shard", "[shards]") {
  world_settings made = of_shards(2);
  made.window = {8, 1, 2, 2s};
  loop_world world{std::move(made)};
  const std::string key = key_of(world, first);
  world.publish_all({{.id = "1", .key = key, .due = "+1s"},
                     {.id = "2", .key = key, .due = "+30s"},
                     {.id = "3", .key = key, .due = "+3s", .expires = "+4s"}});
  world.leave({first});
  REQUIRE(has(world.take(), "gave up 0"));
  world.wait(5s);
  CHECK(world.running().empty());
  world.adopt({first}, later);
  CHECK(world.running() == names{"0-1.bot/1"}); // due meanwhile
  CHECK(world.core().pending_events() == 2);    // the third has expired
  world.done("0-1.bot/1");
  world.wait(24s);
  CHECK(world.running().empty());
  world.wait(2s);
  CHECK(world.running() == names{"0-2.bot/1"});
}

TEST_CASE("who waits for an event of a shard that goes is told to ask elsewhere", "[shards]") {
  loop_world world{of_shards(2)};
  const std::string key = key_of(world, first);
  world.publish({.id = "1", .key = key});
  world.ask(R"({"op":"await","event":"0-1","timeout_ms":60000})");
  world.take();
  world.lose({first});
  const lines told = world.take();
  CHECK(std::any_of(told.begin(), told.end(), [](const std::string& line) {
    return line.find("not-owner") != std::string::npos;
  }));
  world.ask(R"({"op":"cancel","event":"0-1"})");
  const lines asked = world.take();
  CHECK(std::any_of(asked.begin(), asked.end(), [](const std::string& line) {
    return line.find("not-owner") != std::string::npos;
  }));
}

TEST_CASE("a start that is answered when its shard goes is not run", "[shards]") {
  const bool lost = GENERATE(true, false);
  loop_world world{of_shards(2)};
  const std::string key = key_of(world, first);
  world.publish({.id = "1", .key = key});
  world.hold_commits = true;
  world.restart(false); // it may have been running: its start is durable before it is run
  REQUIRE(world.submits_held() == 1);
  REQUIRE(world.running().empty());
  lost ? world.lose({first}) : world.leave({first});
  world.hold_commits = false;
  world.commit_all();
  CHECK(world.running().empty());
  CHECK(has(world.take(), "gave up 0"));
  CHECK(world.core().running_turns() == 0);
}

TEST_CASE("in a lost shard nothing is ended by our word, and its lanes are free when it comes back",
          "[shards]") {
  loop_world world{of_shards(2)};
  const std::string key = key_of(world, first);
  world.publish({.id = "1", .key = key, .expires = "+5s"});
  world.hold_commits = true;
  world.publish({.id = "2", .key = key}); // so that the shard is not gone at once
  world.lose({first});
  world.wait(6s);
  world.ask(R"({"op":"cancel","event":"0-1"})");
  world.hold_commits = false;
  world.commit_all();
  REQUIRE(has(world.take(), "gave up 0"));
  world.adopt({first}, later, true);
  world.done("0-1.bot/1"); // of the old epoch
  CHECK(world.core().running_turns() == world.running().size());
  while (!world.running().empty())
    world.done(*world.running().begin());
  CHECK(world.core().pending_events() == 0);
  CHECK(world.store().events_ledger()->pending == 0);
  world.leave({first}); // nothing holds it up
  CHECK(has(world.take(), "gave up 0"));
}

TEST_CASE("what is left of an earlier time does not come in before what stands first", "[shards]") {
  world_settings made = of_shards(3);
  made.window = {4, 1, 4, 2s};
  loop_world world{std::move(made)};
  world.restart(true);
  std::vector<event_words> many;
  std::vector<std::string> keys;
  for (int i = 0; keys.size() < 6; ++i)
    if (const std::string key = "key-" + std::to_string(i);
        world.offered({.key = key}).shard == first)
      keys.push_back(key);
  world.grants = false;
  for (int round = 0; round < 10; ++round)
    for (const std::string& key : keys)
      many.push_back({.id = std::to_string(many.size() + 1), .key = key});
  for (int i = 0; i < 10; ++i) // and another shard, so that its time with it goes on
    many.push_back({.id = std::to_string(many.size() + 1), .key = key_of(world, second)});
  world.publish_all(many);
  world.leave({first});
  REQUIRE(has(world.take(), "gave up 0"));
  world.adopt({first}, later);
  world.grants = true;
  world.wait(2s);
  std::map<std::string, std::uint64_t> last;
  std::size_t ran = 0;
  while (!world.running().empty()) {
    const std::string turn = *world.running().begin();
    const std::uint64_t number = std::stoull(turn.substr(turn.find('-') + 1));
    if (number <= 60) {
      const std::string key = keys[(number - 1) % keys.size()];
      CHECK(last[key] < number);
      last[key] = number;
    }
    ++ran;
    world.done(turn);
  }
  CHECK(ran == 70);
}

TEST_CASE("a pure agent's lane waits as well for a turn of the time before", "[shards]") {
  world_settings made = of_shards(2);
  made.agents = {{.name = "bot", .pure = true}};
  loop_world world{std::move(made)};
  const std::string key = key_of(world, first);
  world.publish({.id = "1", .key = key});
  world.lose({first});
  world.adopt({first}, later, true);
  CHECK(world.running() == names{"0-1.bot/1"}); // the old one
  world.done("0-1.bot/1");
  CHECK(world.running() == names{"0-1.bot/1"}); // and now the new one
  world.done("0-1.bot/1");
  CHECK(world.core().pending_events() == 0);
  CHECK(world.core().running_turns() == 0);
}

TEST_CASE("shards that come later get their part of the window", "[shards]") {
  world_settings made = of_shards(2);
  made.window = {8, 1, 4, 2s};
  loop_world world{std::move(made)};
  const std::string key = key_of(world, first);
  world.publish({.id = "late", .key = key});
  world.leave({first});
  world.done("0-1.bot/1");
  REQUIRE(has(world.take(), "gave up 0"));
  world.grants = false;
  std::vector<event_words> many;
  for (int i = 0; many.size() < 200; ++i)
    if (const std::string other = "o" + std::to_string(i);
        world.offered({.key = other}).shard == second)
      many.push_back({.id = other, .key = other});
  world.publish_all(many); // the old time has more than fits, all the while
  world.restart(true);
  world.grants = false;
  world.leave({first});
  world.adopt({first}, later);
  world.publish({.id = "mine", .key = key});
  world.grants = true;
  world.wait(2s);
  std::size_t before = 0;
  for (bool found = false; !found && !world.running().empty(); ++before) {
    const std::string turn = *world.running().begin();
    found = turn.starts_with("0-");
    world.done(turn);
  }
  CHECK(before < 60);
}

TEST_CASE("an outcome whose emit names an epoch that is over is kept, and its shard with it",
          "[shards]") {
  loop_world world{of_shards(2)};
  world.publish({.id = "1", .key = key_of(world, first)});
  REQUIRE(world.store().fence(second, later).ok());
  turn_outcome emits = world.emitting({{.id = "child", .key = key_of(world, second)}});
  world.take();
  world.done("0-1.bot/1", std::move(emits));
  const lines told = world.take();
  CHECK(!has(told, "fenced 0"));
  CHECK(!has(told, "gave up 0"));
  CHECK(world.core().pending_events() == 1);
  world.lose({second});
  world.adopt({second}, later); // now it is known here
  world.wait(2s);
  world.done("1-2.bot/1");
  CHECK(world.core().pending_events() == 0);
  CHECK(world.store().events_ledger()->done == 2);
}

} // namespace skein::test
