#include "nodes/store/watchdog.hpp"

#include <catch2/catch.hpp>

#include <future>

using namespace skein;
using namespace std::chrono_literals;

TEST_CASE("a watchdog says nothing of what ends in time") {
  bool late = false;
  {
    const watchdog limit{1h, [&] { late = true; }};
  }
  CHECK_FALSE(late);
}

TEST_CASE("a watchdog tells of what takes too long while it still goes on") {
  std::promise<void> late;
  const watchdog limit{1ms, [&] { late.set_value(); }};
  CHECK(late.get_future().wait_for(60s) == std::future_status::ready);
}
