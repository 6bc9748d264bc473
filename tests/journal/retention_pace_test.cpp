// How much retention does at a time: as events come in, by the time it takes, more when it is far
// behind.
#include "journal/retention_pace.hpp"

#include <catch2/catch.hpp>

using namespace skein;
using namespace skein::journal;
using namespace std::chrono_literals;

TEST_CASE("a step goes along once enough events came in, and drops a quarter more than those") {
  retention_pace pace{400};
  CHECK_FALSE(pace.next(399, 1s, false));
  const auto step = pace.next(1, 2s, false);
  REQUIRE(step);
  CHECK(step->events == 500);
  CHECK(step->patience == limits::retention_patience);
  CHECK_FALSE(pace.next(399, 3s, false)); // counted anew
  CHECK(pace.next(1'000'000, 4s, false)->events == limits::retention_joined_events);
}

TEST_CASE("a step takes a tenth of the time since the one before it, within bounds") {
  retention_pace pace{1};
  CHECK(pace.next(1, 1s, false)->time == limits::retention_step_time);
  CHECK(pace.next(1, 1s + 10ms, false)->time == 1ms);
  CHECK(pace.next(1, 1s + 10ms, false)->time == 100us);
  CHECK(pace.next(1, 2s, false)->time == limits::retention_step_time);
}

TEST_CASE("retention that is far behind drops twice what comes in, in a quarter of the time") {
  retention_pace pace{1};
  CHECK(pace.next(100, 1s, true)->events == 200);
  CHECK(pace.next(100, 1s + 8ms, true)->time == 2ms);
  CHECK(pace.next(100, 2s, true)->time == limits::retention_step_time);
}

TEST_CASE("strides grow while they are quick and shrink when they are not") {
  retention_stride stride;
  for (int i = 0; i < 20; ++i)
    stride.took(1us);
  CHECK(stride.events() == limits::retention_stride_events);
  stride.took(400us); // neither
  CHECK(stride.events() == limits::retention_stride_events);
  stride.took(1ms);
  CHECK(stride.events() == limits::retention_stride_events / 2);
  for (int i = 0; i < 20; ++i)
    stride.took(1ms);
  CHECK(stride.events() == 1);
}
