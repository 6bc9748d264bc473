#include "actors/flat_index.hpp"

#include <catch2/catch.hpp>

#include <random>
#include <unordered_map>

using namespace skein;

TEST_CASE("an empty flat index finds nothing and erases nothing") {
  flat_index index;
  CHECK(index.find(1) == no_slot);
  index.erase(1);
  CHECK(index.size() == 0);
}

TEST_CASE("a flat index agrees with a map over random inserts and erases") {
  const auto seed = GENERATE(range(1u, 9u));
  // Few distinct keys make long clusters and many erases in the middle of one; keys that differ in
  // high bits only make collisions.
  const std::uint64_t distinct = seed % 2 == 0 ? 200 : 20'000;
  const unsigned shift = seed % 3 == 0 ? 44 : 0;
  std::mt19937_64 random{seed};
  flat_index index;
  std::unordered_map<std::uint64_t, std::uint32_t> model;
  for (std::uint32_t step = 0; step < 40'000; ++step) {
    const std::uint64_t key = (random() % distinct + 1) << shift;
    if (model.contains(key) && random() % 2 == 0) {
      index.erase(key);
      model.erase(key);
    } else if (!model.contains(key)) {
      index.insert(key, step);
      model.emplace(key, step);
    }
    const std::uint64_t other = (random() % distinct + 1) << shift;
    const auto expected = model.find(other);
    REQUIRE(index.find(other) == (expected == model.end() ? no_slot : expected->second));
    REQUIRE(index.size() == model.size());
  }
  for (const auto& [key, slot] : model)
    REQUIRE(index.find(key) == slot);
  for (const auto& [key, slot] : model)
    index.erase(key);
  CHECK(index.size() == 0);
  for (const auto& [key, slot] : model)
    REQUIRE(index.find(key) == no_slot);
}

TEST_CASE("erasing an absent key leaves a flat index as it was") {
  flat_index index;
  for (std::uint32_t key = 1; key <= 100; ++key)
    index.insert(key, key * 2);
  index.erase(1'000);
  CHECK(index.size() == 100);
  for (std::uint32_t key = 1; key <= 100; ++key)
    REQUIRE(index.find(key) == key * 2);
}
