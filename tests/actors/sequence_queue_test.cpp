#include "actors/sequence_queue.hpp"

#include <catch2/catch.hpp>

#include <deque>
#include <random>

namespace skein {

TEST_CASE("a queue of numbers gives back what it was given, in order") {
  std::mt19937_64 dice{7};
  sequence_queue queue;
  std::deque<std::uint64_t> model;
  for (std::uint64_t i = 0; i < 200'000; ++i) {
    if (model.empty() || dice() % 5 < 3) {
      const std::uint64_t number = dice() % 10 == 0 ? dice() : i * 3;
      queue.push(number);
      model.push_back(number);
    } else {
      REQUIRE(queue.pop() == model.front());
      model.pop_front();
    }
    REQUIRE(queue.size() == model.size());
  }
  for (; !model.empty(); model.pop_front())
    REQUIRE(queue.pop() == model.front());
  CHECK(queue.empty());
}

} // namespace skein
