// The set of pending deliveries by itself.
#include "journal/pending_set.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <random>

using namespace skein;
using namespace skein::journal;

TEST_CASE("a delivery is pending from its event's addition to its removal") {
  pending_set set;
  const event_id event{shard_id{7}, 1'000};
  CHECK_FALSE(set.contains({event, 0}));
  set.add(event, 0b101);
  CHECK(set.contains({event, 0}));
  CHECK_FALSE(set.contains({event, 1}));
  CHECK(set.contains({event, 2}));
  CHECK_FALSE(set.contains({{shard_id{8}, 1'000}, 0})); // not of this shard
  CHECK_FALSE(set.contains({event, 99}));
  CHECK(set.remove({event, 0}) == 0b100);
  CHECK(set.remove({event, 2}) == 0);
  CHECK(set.count().events == 0);
  set.restore({event, 2});
  CHECK(set.contains({event, 2}));
  CHECK(set.count().deliveries == 1);
}

TEST_CASE("the lowest pending event is found across chunks") {
  pending_set set;
  CHECK(set.lowest(42) == 42);
  for (const std::uint64_t sequence : {511u, 512u, 513u, 100'000u})
    set.add({shard_id{1}, sequence}, 1);
  CHECK(set.lowest(0) == 511);
  set.remove({{shard_id{1}, 511}, 0});
  CHECK(set.lowest(0) == 512);
  set.drop({shard_id{1}, 512});
  set.drop({shard_id{1}, 513});
  CHECK(set.lowest(0) == 100'000);
}

TEST_CASE("the set agrees with a simple model over random work") {
  std::mt19937_64 random{GENERATE(1u, 2u, 3u)};
  pending_set set;
  std::map<std::uint64_t, pending_set::mask> model;
  for (int step = 0; step < 50'000; ++step) {
    const event_id event{shard_id{static_cast<std::uint32_t>(random() % 2)}, 1 + random() % 5'000};
    const auto known = model.find(event.sequence * 2 + raw(event.shard));
    const auto other = model.find(event.sequence * 2 + (1 - raw(event.shard)));
    const delivery_id delivery{event, static_cast<std::uint8_t>(random() % 16)};
    const bool live = known != model.end() && (known->second >> delivery.index & 1) != 0;
    REQUIRE(set.contains(delivery) == live);
    if (live) {
      const auto left = static_cast<pending_set::mask>(known->second & ~(1u << delivery.index));
      REQUIRE(set.remove(delivery) == left);
      known->second = left;
      if (left == 0)
        model.erase(known);
    } else if (known == model.end() && other == model.end()) {
      const auto mask = static_cast<pending_set::mask>(random() % 0xffff + 1);
      set.add(event, mask);
      model[event.sequence * 2 + raw(event.shard)] = mask;
    }
    if (step % 5'000 == 0) {
      std::uint64_t deliveries = 0;
      for (const auto& each : model)
        deliveries += static_cast<std::uint64_t>(__builtin_popcount(each.second));
      REQUIRE(set.count().events == model.size());
      REQUIRE(set.count().deliveries == deliveries);
      REQUIRE(set.lowest(0) == (model.empty() ? 0 : model.begin()->first / 2));
    }
  }
}
