// The set of pending deliveries by itself.
#include "journal/pending_set.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <vector>

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
  CHECK(set.remove({event, 0}).live == 0b100);
  CHECK(set.remove({event, 2}).live == 0);
  CHECK(set.count().events == 0);
  set.restore({event, 2}, 0);
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

namespace {

/// A set and a plain map beside it, changed alike at random.
class modelled_set {
 public:
  modelled_set(std::uint64_t seed, std::uint64_t range_events, std::uint64_t sequences)
    : random_{seed}, set{range_events}, sequences_{sequences} {}

  void step() {
    const std::uint64_t sequence = 1 + random_() % sequences_;
    const auto known = model.find(sequence);
    const event_id event{shard_id{static_cast<std::uint32_t>(random_() % 2)}, sequence};
    const delivery_id delivery{event, static_cast<std::uint8_t>(random_() % 16)};
    const auto bit = static_cast<pending_set::mask>(1u << delivery.index);
    const bool live = known != model.end() && known->second.shard == raw(event.shard) &&
                      (known->second.live & bit) != 0;
    REQUIRE(set.contains(delivery) == live);
    if (known == model.end()) {
      const auto mask = static_cast<pending_set::mask>(random_() % 0xffff + 1);
      const std::uint16_t tag = pending_mark::tag_of(static_cast<route_code>(random_() % 3),
                                                     random_() % 9 == 0, random_() % 7 == 0);
      set.add(event, mask, tag);
      model[sequence] = {mask, static_cast<std::uint16_t>(raw(event.shard)), tag};
    } else if (live) {
      known->second.live = static_cast<pending_set::mask>(known->second.live & ~bit);
      REQUIRE(set.remove(delivery) == known->second);
      if (random_() % 4 == 0) {
        set.restore(delivery, known->second.tag);
        known->second.live |= bit;
      }
      if (known->second.live == 0)
        model.erase(known);
    } else if (random_() % 8 == 0) {
      set.drop({shard_id{known->second.shard}, sequence});
      model.erase(known);
    }
  }

  void require_same() {
    std::uint64_t deliveries = 0;
    for (const auto& [sequence, mark] : model) {
      deliveries += static_cast<std::uint64_t>(__builtin_popcount(mark.live));
      REQUIRE(set.at(sequence) == mark);
    }
    REQUIRE(set.count().events == model.size());
    REQUIRE(set.count().deliveries == deliveries);
    REQUIRE(set.lowest(0) == (model.empty() ? 0 : model.begin()->first));
    std::map<std::uint64_t, pending_mark> listed;
    for (const std::uint64_t range : set.ranges())
      for (const placed_mark& each : set.marks_of(range))
        listed[range * set.range_events() + each.slot] = each.mark;
    REQUIRE(listed == model);
  }

  pending_set& held() { return set; }

 private:
  std::mt19937_64 random_;
  pending_set set;
  std::uint64_t sequences_;

 public:
  std::map<std::uint64_t, pending_mark> model;
};

} // namespace

TEST_CASE("the set agrees with a plain map over random work, few events and many") {
  const auto seed = GENERATE(1u, 2u, 3u);
  const auto range_events = GENERATE(64u, 1'000u, 262'144u);
  const auto sequences = GENERATE(700u, 5'000u, 3'000'000u);
  modelled_set both{seed, range_events, sequences};
  for (int step = 0; step < 40'000; ++step) {
    both.step();
    if (step % 8'000 == 0)
      both.require_same();
  }
  both.require_same();
}

TEST_CASE("a range is the same after it was emptied, whatever form it had") {
  pending_set set;
  const auto fill = [&] {
    for (std::uint64_t sequence = 1; sequence <= 4'000; ++sequence)
      set.add({shard_id{3}, sequence}, 1, 7);
  };
  fill();
  CHECK(set.count().events == 4'000);
  for (std::uint64_t sequence = 1; sequence <= 4'000; ++sequence) {
    REQUIRE(set.lowest(0) == sequence);
    REQUIRE(set.remove({{shard_id{3}, sequence}, 0}).live == 0);
    REQUIRE(set.count().events == 4'000 - sequence);
  }
  CHECK(set.lowest(9) == 9);
  fill();
  CHECK(set.at(1'000) == pending_mark{1, 3, 7});
  CHECK(set.count().deliveries == 4'000);
}

TEST_CASE("events far apart cost bytes, not chunks, and a dense backlog 6 bytes each") {
  pending_set far_apart;
  for (std::uint64_t i = 0; i < 100'000; ++i)
    far_apart.add({shard_id{1}, 1 + i * 10'000}, 1, 1);
  CHECK(far_apart.bytes() < 100'000 * 32);
  pending_set dense;
  for (std::uint64_t i = 0; i < 2 * limits::range_events; ++i)
    dense.add({shard_id{1}, i}, 1, 1);
  CHECK(dense.bytes() < 2 * limits::range_events * 63 / 10);
}

TEST_CASE("a changed range is told until it is called unchanged, an emptied one too") {
  pending_set set{64};
  set.add({shard_id{1}, 10}, 1);
  set.add({shard_id{1}, 70}, 1);
  CHECK(set.changed_ranges() == std::vector<std::uint64_t>{0, 1});
  set.set_unchanged(0);
  set.set_unchanged(1);
  CHECK(set.changed_ranges().empty());
  set.remove({{shard_id{1}, 70}, 0});
  CHECK(set.changed_ranges() == std::vector<std::uint64_t>{1});
  CHECK(set.lowest(0) == 10);
  set.set_unchanged(1);
  CHECK(set.ranges() == std::vector<std::uint64_t>{0});
}
