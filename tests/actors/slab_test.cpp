#include "actors/slab.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <random>
#include <string>

using namespace skein;

TEST_CASE("a released slot is used again and starts empty") {
  slab<std::string> items;
  const std::uint32_t first = items.take();
  items[first] = "first";
  const std::uint32_t second = items.take();
  items[second] = "second";
  items.release(first);
  CHECK(items.used() == 1);
  const std::uint32_t third = items.take();
  CHECK(third == first);
  CHECK(items[third].empty());
  CHECK(items[second] == "second");
}

TEST_CASE("items of a slab never move and live slots are never given twice") {
  std::mt19937 random{7};
  slab<int> items;
  std::map<std::uint32_t, std::pair<int, const int*>> live;
  for (int step = 0; step < 20'000; ++step) {
    if (!live.empty() && random() % 2 == 0) {
      auto victim = live.begin();
      std::advance(victim, random() % std::min<std::size_t>(live.size(), 16));
      items.release(victim->first);
      live.erase(victim);
    } else {
      const std::uint32_t slot = items.take();
      REQUIRE_FALSE(live.contains(slot));
      items[slot] = step;
      live.emplace(slot, std::pair{step, &items[slot]});
    }
    REQUIRE(items.used() == live.size());
  }
  for (const auto& [slot, expected] : live) {
    REQUIRE(items[slot] == expected.first);
    REQUIRE(&items[slot] == expected.second);
  }
}
