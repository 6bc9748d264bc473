#include "actors/timer_queue.hpp"

#include <catch2/catch.hpp>

#include <random>
#include <set>

using namespace skein;

TEST_CASE("timers come at their time, never before it") {
  timer_queue<int, int> timers;
  CHECK_FALSE(timers.next());
  timers.set(10, 1);
  CHECK(timers.next() == 10);
  CHECK_FALSE(timers.take_due(9));
  CHECK(timers.take_due(10) == 1);
  CHECK_FALSE(timers.take_due(10));
  CHECK(timers.size() == 0);
}

TEST_CASE("timers of one instant come in order of their keys") {
  timer_queue<int, int> timers;
  for (const int key : {4, 1, 3, 2})
    timers.set(5, key);
  for (int key = 1; key <= 4; ++key)
    CHECK(timers.take_due(5) == key);
}

TEST_CASE("a timer queue agrees with a sorted set") {
  std::mt19937 random{11};
  timer_queue<std::uint32_t, std::uint32_t> timers;
  std::set<std::pair<std::uint32_t, std::uint32_t>> model;
  for (std::uint32_t step = 0; step < 20'000; ++step) {
    if (random() % 2 == 0) {
      const std::uint32_t at = static_cast<std::uint32_t>(random() % 1'000);
      timers.set(at, step);
      model.emplace(at, step);
    } else {
      const std::uint32_t now = static_cast<std::uint32_t>(random() % 1'000);
      const auto got = timers.take_due(now);
      if (model.empty() || model.begin()->first > now) {
        REQUIRE_FALSE(got);
      } else {
        REQUIRE(got == model.begin()->second);
        model.erase(model.begin());
      }
    }
    REQUIRE(timers.size() == model.size());
    REQUIRE(timers.next().has_value() == !model.empty());
    if (!model.empty())
      REQUIRE(*timers.next() == model.begin()->first);
  }
}
