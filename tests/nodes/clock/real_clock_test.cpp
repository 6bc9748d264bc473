// The real clock against the kernel's timers. Tests wait for callbacks, never for a time to pass.
#include "nodes/clock/real_clock.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <future>
#include <sys/eventfd.h>
#include <unistd.h>

using namespace skein;
using namespace std::chrono_literals;

namespace {

std::unique_ptr<real_clock> open_clock(wall_source wall = {}) {
  auto clock = real_clock::open(std::move(wall));
  REQUIRE(clock.ok());
  return std::move(*clock);
}

/// A wall clock that the test sets, with the kernel's notice played by an eventfd.
class set_wall {
 public:
  set_wall() : notice_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} { REQUIRE(notice_.get() >= 0); }

  wall_source source() {
    return {[this] { return from_ns(now_ns_.load()); }, notice_.get()};
  }
  void set(std::int64_t ns) {
    now_ns_ = ns;
    const std::uint64_t one = 1;
    REQUIRE(::write(notice_.get(), &one, sizeof one) == sizeof one);
  }

 private:
  unique_fd notice_;
  std::atomic<std::int64_t> now_ns_{1'000};
};

constexpr auto patience = 30s; // far beyond what a loaded machine needs

} // namespace

TEST_CASE("a wake never fires before its time") {
  const auto clock = open_clock();
  for (const auto delay : {1ms, 3ms, 20ms}) {
    std::promise<boot_time> fired;
    const boot_time at = clock->now().boot + delay;
    clock->wake_at(at, [&] { fired.set_value(clock->now().boot); });
    auto when = fired.get_future();
    REQUIRE(when.wait_for(patience) == std::future_status::ready);
    CHECK(when.get() >= at);
  }
}

TEST_CASE("a wake whose time has passed fires at once, time zero included") {
  const auto clock = open_clock();
  std::promise<void> past;
  std::promise<void> zero;
  clock->wake_at(clock->now().boot - 1h, [&] { past.set_value(); });
  clock->wake_at(boot_time{}, [&] { zero.set_value(); });
  CHECK(past.get_future().wait_for(patience) == std::future_status::ready);
  CHECK(zero.get_future().wait_for(patience) == std::future_status::ready);
}

TEST_CASE("an earlier wake set later fires first") {
  const auto clock = open_clock();
  std::promise<std::string> both;
  std::string order;
  const boot_time now = clock->now().boot;
  clock->wake_at(now + 60ms, [&] { both.set_value(order + "late"); });
  clock->wake_at(now + 10ms, [&] { order += "early "; });
  auto done = both.get_future();
  REQUIRE(done.wait_for(patience) == std::future_status::ready);
  CHECK(done.get() == "early late");
}

TEST_CASE("a callback may set the next wake") {
  const auto clock = open_clock();
  std::promise<void> third;
  std::atomic<int> count{0};
  std::function<void()> again = [&] {
    if (++count == 3)
      third.set_value();
    else
      clock->wake_at(clock->now().boot + 1ms, again);
  };
  clock->wake_at(clock->now().boot, again);
  CHECK(third.get_future().wait_for(patience) == std::future_status::ready);
}

TEST_CASE("setting the wall clock fires every pending wake, which stay for their time") {
  set_wall wall;
  std::atomic<int> far{0};
  std::promise<void> near_twice;
  std::atomic<int> near{0};
  const auto clock = open_clock(wall.source());
  std::promise<void> far_once;
  clock->wake_at(clock->now().boot + 1h, [&] {
    if (++far == 1)
      far_once.set_value();
  });
  clock->wake_at(clock->now().boot + 200ms, [&] {
    if (++near == 2)
      near_twice.set_value();
  });
  wall.set(5'000);
  CHECK(far_once.get_future().wait_for(patience) == std::future_status::ready);
  CHECK(near_twice.get_future().wait_for(patience) == std::future_status::ready);
  CHECK(far == 1);
}

TEST_CASE("wall time holds when the clock is set back and jumps when it is set forward") {
  set_wall wall;
  const auto clock = open_clock(wall.source());
  CHECK(clock->now().wall == from_ns(1'000));
  wall.set(400);
  CHECK(clock->now().wall == from_ns(1'000));
  wall.set(9'000);
  CHECK(clock->now().wall == from_ns(9'000));
}

TEST_CASE("wall time is never below the store's last commit") {
  set_wall wall;
  const auto clock = open_clock(wall.source());
  clock->not_before(from_ns(7'000));
  CHECK(clock->now().wall == from_ns(7'000));
}

TEST_CASE("a shared store's time counts as soon as it is known, and not the machine's") {
  set_wall wall;
  auto from = wall.source();
  const auto known = std::make_shared<store_time>();
  from.of_store = known;
  const auto clock = open_clock(std::move(from));
  wall.set(9'000'000'000'000);
  CHECK(clock->now().wall == from_ns(9'000'000'000'000));
  const boot_time now = clock->now().boot;
  known->heard(from_ns(5'000), now, now);
  const instant first = clock->now().wall;
  CHECK(first >= from_ns(5'000));
  CHECK(first < from_ns(9'000'000'000'000));
  known->heard(from_ns(4'000), now, now); // it was set back
  CHECK(clock->now().wall >= first);
  clock->not_before(from_ns(8'000'000'000'000));
  CHECK(clock->now().wall == from_ns(8'000'000'000'000));
}

TEST_CASE("the real wall clock is near the C library's") {
  const auto clock = open_clock();
  const auto seconds = to_ns(clock->now().wall) / 1'000'000'000;
  CHECK(std::abs(seconds - static_cast<std::int64_t>(std::time(nullptr))) <= 2);
}

TEST_CASE("destruction drops pending wakes") {
  std::atomic<bool> fired{false};
  {
    const auto clock = open_clock();
    clock->wake_at(clock->now().boot + 1h, [&] { fired = true; });
  }
  CHECK_FALSE(fired);
}
