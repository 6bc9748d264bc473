#include "actors/lanes.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <map>
#include <random>

using namespace skein;

namespace {

constexpr agent_no bot{0};
constexpr agent_no pure{1};

constexpr instant at(std::int64_t ms) {
  return from_ns(1'700'000'000'000'000'000 + ms * 1'000'000);
}

/// Lanes of a plain agent (0) and of a pure one (1).
struct lane_world {
  lane_set set{{{false}, {true}}, 1};
  std::uint64_t last = 0;

  std::uint32_t add(std::string_view key, agent_no agent = bot,
                    priority_class priority = priority_class::hook, std::int64_t ready_ms = 0) {
    return add_numbered(++last, key, agent, priority, ready_ms);
  }
  std::uint32_t add_numbered(std::uint64_t sequence, std::string_view key, agent_no agent,
                             priority_class priority, std::int64_t ready_ms) {
    last = std::max(last, sequence);
    const std::uint32_t event =
        set.add_event({shard_id{}, sequence}, priority, at(ready_ms), no_instant, slice{"body"}, 1);
    const std::uint32_t slot = set.add_delivery(event, 0, agent);
    set.enter(slot, key, at(ready_ms));
    return slot;
  }
  std::uint64_t sequence(std::uint32_t slot) {
    return set.events[set.deliveries[slot].event].id.sequence;
  }
  /// Starts the next turn; its slot.
  std::uint32_t start(agent_no agent = bot) {
    const std::uint32_t lane_slot = set.take_ready(agent);
    if (lane_slot == no_slot)
      return no_slot;
    const std::uint32_t slot = set.lanes[lane_slot].first_waiting;
    set.activate(slot, stage::running);
    set.offer_ready(lane_slot);
    return slot;
  }
  void finish(std::uint32_t slot) {
    set.close(slot);
    set.remove_delivery(slot);
  }
  std::vector<std::uint64_t> run_all(agent_no agent = bot) {
    std::vector<std::uint64_t> order;
    for (std::uint32_t slot = start(agent); slot != no_slot; slot = start(agent)) {
      order.push_back(sequence(slot));
      finish(slot);
    }
    return order;
  }
};

} // namespace

TEST_CASE("a lane runs one turn at a time, in order of acceptance") {
  lane_world world;
  const auto first = world.add("k");
  const auto second = world.add("k");
  CHECK(world.set.ready_count(bot) == 1);
  CHECK(world.start() == first);
  CHECK(world.set.ready_count(bot) == 0);
  CHECK(world.start() == no_slot);
  world.set.close(first);
  CHECK(world.start() == no_slot); // its outcome is not on disk yet
  world.set.remove_delivery(first);
  CHECK(world.start() == second);
  world.finish(second);
  CHECK(world.set.lane_count() == 0);
  CHECK(world.set.events_here() == 0);
}

TEST_CASE("lane order is ready time, then sequence, whatever the order of entering") {
  lane_world world;
  world.add_numbered(5, "k", bot, priority_class::hook, 30);
  world.add_numbered(9, "k", bot, priority_class::hook, 10);
  world.add_numbered(7, "k", bot, priority_class::hook, 10);
  world.add_numbered(6, "k", bot, priority_class::hook, 30);
  world.add_numbered(8, "k", bot, priority_class::hook, 20);
  CHECK(world.run_all() == std::vector<std::uint64_t>{7, 9, 8, 5, 6});
}

TEST_CASE("who enters late never gets before what has started") {
  lane_world world;
  const auto running = world.add_numbered(5, "k", bot, priority_class::hook, 50);
  CHECK(world.start() == running);
  const auto early = world.add_numbered(2, "k", bot, priority_class::hook, 10);
  CHECK(world.set.lanes[world.set.find_lane(bot, "k")].head == running);
  world.finish(running);
  CHECK(world.start() == early);
}

TEST_CASE("one that is ending does not keep an earlier one from its place") {
  lane_world world;
  const auto first = world.add_numbered(1, "k", bot, priority_class::hook, 10);
  REQUIRE(world.start() == first);
  world.add_numbered(2, "k", bot, priority_class::hook, 50);
  const auto ending = world.add_numbered(3, "k", bot, priority_class::hook, 60);
  world.set.close(ending);                                   // its end is with the journal
  world.add_numbered(4, "k", bot, priority_class::hook, 20); // learnt of late
  world.set.remove_delivery(ending);
  world.finish(first);
  CHECK(world.run_all() == std::vector<std::uint64_t>{4, 2});
}

TEST_CASE("lanes of one class take turns") {
  lane_world world;
  for (int i = 0; i < 3; ++i)
    world.add("a");
  for (int i = 0; i < 2; ++i)
    world.add("b");
  world.add("c");
  CHECK(world.run_all() == std::vector<std::uint64_t>{1, 4, 6, 2, 5, 3});
}

TEST_CASE("a higher class goes first, and lifts its whole lane") {
  lane_world world;
  world.add("slow", bot, priority_class::background);
  world.add("hook", bot, priority_class::hook);
  world.add("slow", bot, priority_class::people); // behind the background one, in its lane
  CHECK(world.run_all() == std::vector<std::uint64_t>{1, 3, 2});
}

TEST_CASE("a lane falls back to its own class when the higher one has been served") {
  lane_world world;
  world.add("a", bot, priority_class::people);
  world.add("a", bot, priority_class::replay);
  world.add("b", bot, priority_class::hook);
  CHECK(world.run_all() == std::vector<std::uint64_t>{1, 3, 2});
}

TEST_CASE("a retry keeps the head of its lane") {
  lane_world world;
  const auto first = world.add("k");
  world.add("k");
  CHECK(world.start() == first);
  world.set.deliveries[first].at = stage::deciding;
  world.set.deactivate(first, stage::retrying);
  CHECK(world.start() == no_slot);
  world.add("other");
  CHECK(world.sequence(world.start()) == 3);
  world.set.retry_ready(first);
  CHECK(world.start() == first);
  world.finish(first);
  CHECK(world.sequence(world.start()) == 2);
}

TEST_CASE("a turn that was given back is the first of its lane again") {
  lane_world world;
  const auto first = world.add("k");
  world.add("k");
  CHECK(world.start() == first);
  world.set.deactivate(first, stage::waiting);
  CHECK(world.set.waiting_count(bot) == 2);
  CHECK(world.start() == first);
}

TEST_CASE("closing one in the middle leaves the others in order") {
  lane_world world;
  world.add("k");
  const auto second = world.add("k");
  world.add("k");
  world.set.close(second);
  CHECK(world.set.ready_count(bot) == 0); // nothing starts before that is on disk
  world.set.remove_delivery(second);
  CHECK(world.run_all() == std::vector<std::uint64_t>{1, 3});
}

TEST_CASE("closing the first, the last and the only one keeps a lane whole") {
  lane_world world;
  const auto first = world.add("k");
  world.add("k");
  const auto last = world.add("k");
  world.finish(first);
  world.finish(last);
  const auto only = world.add("other");
  world.finish(only);
  world.add("k");
  CHECK(world.run_all() == std::vector<std::uint64_t>{2, 5});
  CHECK(world.set.lane_count() == 0);
}

TEST_CASE("a lane's first open delivery is the one that all before it are closing") {
  lane_world world;
  std::vector<std::uint32_t> all;
  for (int i = 0; i < 5; ++i)
    all.push_back(world.add("k", pure));
  const std::uint32_t lane_slot = world.set.find_lane(pure, "k");
  CHECK(world.set.first_open(lane_slot) == all[0]);
  world.set.close(all[0]);
  world.set.close(all[1]);
  world.set.close(all[3]);
  CHECK(world.set.first_open(lane_slot) == all[2]);
  world.set.remove_delivery(all[1]);
  CHECK(world.set.first_open(lane_slot) == all[2]);
  world.set.remove_delivery(all[0]);
  world.set.close(all[2]);
  CHECK(world.set.first_open(lane_slot) == all[4]);
  world.set.close(all[4]);
  CHECK(world.set.first_open(lane_slot) == no_slot);
  const auto earlier = world.add("k", pure, priority_class::hook, -1); // before those that close
  CHECK(world.set.first_open(lane_slot) == earlier);
  world.set.remove_delivery(all[2]);
  CHECK(world.set.first_open(lane_slot) == earlier);
}

TEST_CASE("a lane that loads is not ready until it has what it waits for") {
  lane_world world;
  world.add("k");
  const auto lane_slot = world.set.take_ready(bot);
  world.set.set_loading(lane_slot, true);
  world.add("k");
  CHECK(world.start() == no_slot);
  world.set.set_loading(lane_slot, false);
  CHECK(world.set.ready_count(bot) == 1);
  CHECK(world.run_all() == std::vector<std::uint64_t>{1, 2});
}

TEST_CASE("a pure agent's lane has turns in flight up to the depth, no further") {
  lane_world world;
  for (std::size_t i = 0; i < limits::pipeline_depth + 5; ++i)
    world.add("k", pure);
  std::vector<std::uint32_t> started;
  for (std::uint32_t slot = world.start(pure); slot != no_slot; slot = world.start(pure))
    started.push_back(slot);
  CHECK(started.size() == limits::pipeline_depth);
  for (std::size_t i = 1; i < started.size(); ++i)
    CHECK(world.sequence(started[i]) == world.sequence(started[i - 1]) + 1);
  world.finish(started[0]);
  CHECK(world.sequence(world.start(pure)) == limits::pipeline_depth + 1);
  CHECK(world.start(pure) == no_slot);
}

TEST_CASE("an earlier turn of a pure lane that comes back is started again before later ones") {
  lane_world world;
  const auto first = world.add("k", pure);
  const auto second = world.add("k", pure);
  world.add("k", pure);
  CHECK(world.start(pure) == first);
  CHECK(world.start(pure) == second);
  world.set.deactivate(first, stage::waiting);
  CHECK(world.start(pure) == first);
  world.finish(first);
  world.finish(second);
  CHECK(world.sequence(world.start(pure)) == 3);
}

TEST_CASE("lanes of two agents with one key are apart") {
  lane_world world;
  const auto a = world.add("k", bot);
  const auto b = world.add("k", pure);
  CHECK(world.start(bot) == a);
  CHECK(world.start(pure) == b);
  std::size_t lanes = 0;
  world.set.for_each_lane_of("k", [&](std::uint32_t) { ++lanes; });
  CHECK(lanes == 2);
  CHECK(world.set.find_lane(bot, "nobody") == no_slot);
}

TEST_CASE("deliveries are found by their event and index until they are removed") {
  lane_world world;
  const auto slot = world.add("k");
  CHECK(world.set.find_delivery({{shard_id{}, 1}, 0}) == slot);
  CHECK(world.set.find_delivery({{shard_id{}, 1}, 1}) == no_slot);
  CHECK(world.set.find_delivery({{shard_id{7}, 1}, 0}) == no_slot);
  CHECK(world.set.find_delivery({{shard_id{}, 2}, 0}) == no_slot);
  world.finish(slot);
  CHECK(world.set.find_delivery({{shard_id{}, 1}, 0}) == no_slot);
}

TEST_CASE("a lane that ended and began anew is not confused with its old place in the queue") {
  lane_world world;
  const auto first = world.add("k", bot, priority_class::background);
  world.add("other", bot, priority_class::background);
  world.finish(first); // cancelled while it stood in the queue
  world.add("k", bot, priority_class::background);
  CHECK(world.set.ready_count(bot) == 2);
  CHECK(world.run_all() == std::vector<std::uint64_t>{2, 3});
  CHECK(world.set.ready_count(bot) == 0);
}

TEST_CASE("a lane stays until its list on disk is taken away, though nothing is left of it") {
  lane_world world;
  const auto only = world.add("k");
  const std::uint32_t lane_slot = world.set.find_lane(bot, "k");
  world.set.lanes[lane_slot].away = std::make_unique<away_list>();
  world.finish(only);
  CHECK(world.set.find_lane(bot, "k") == lane_slot);
  world.add("other"); // would get the slot
  REQUIRE(world.set.lanes[lane_slot].away != nullptr);
  world.set.lanes[lane_slot].away.reset();
  world.set.release_if_empty(lane_slot);
  CHECK(world.set.find_lane(bot, "k") == no_slot);
}

TEST_CASE("random histories keep each lane's order, one turn at a time, and lose nothing") {
  const unsigned seed = GENERATE(range(1u, 21u));
  CAPTURE(seed);
  std::mt19937 random{seed};
  lane_world world;
  std::map<std::string, std::vector<std::uint64_t>> ended;
  std::map<std::uint32_t, std::string> running, retrying;
  std::size_t added = 0, cancelled = 0;
  const auto keys = std::to_array<std::string>({"a", "b", "c", "d"});
  for (int step = 0; step < 3'000 || !running.empty() || !retrying.empty(); ++step) {
    switch (step < 3'000 ? random() % 5 : 2 + random() % 3) {
      case 0:
      case 1: {
        world.add(keys[random() % 4], bot, static_cast<priority_class>(random() % 5));
        ++added;
        break;
      }
      case 2:
        if (const auto slot = world.start(); slot != no_slot) {
          const std::string key = world.set.lanes[world.set.deliveries[slot].lane].key;
          for (const auto& [other, of] : running)
            REQUIRE(of != key);
          for (const auto& [other, of] : retrying)
            REQUIRE(of != key);
          running.emplace(slot, key);
        }
        break;
      case 3:
        if (!running.empty()) {
          const auto [slot, key] = *running.begin();
          running.erase(running.begin());
          switch (random() % 8) {
            case 0:
              world.set.deactivate(slot, stage::waiting);
              break;
            case 1:
              world.set.deactivate(slot, stage::retrying);
              retrying.emplace(slot, key);
              break;
            case 2:
              ++cancelled;
              world.finish(slot);
              break;
            default:
              ended[key].push_back(world.sequence(slot));
              world.finish(slot);
          }
        }
        break;
      default:
        if (!retrying.empty()) {
          world.set.retry_ready(retrying.begin()->first);
          retrying.erase(retrying.begin());
        }
    }
  }
  std::size_t total = cancelled;
  for (auto& [key, sequences] : ended)
    CHECK(std::is_sorted(sequences.begin(), sequences.end()));
  total += world.run_all().size();
  for (const auto& [key, sequences] : ended)
    total += sequences.size();
  CHECK(total == added);
  CHECK(world.set.waiting_count(bot) == 0);
}
