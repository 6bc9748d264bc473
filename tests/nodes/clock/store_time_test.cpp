// store_time: what is told of the store's clock it has passed, whatever way the answers took.
#include "nodes/clock/store_time.hpp"

#include <catch2/catch.hpp>

#include <random>

using namespace skein;
using namespace std::chrono_literals;

namespace {

constexpr instant began = from_ns(1'700'000'000'000'000'000);

boot_time at(duration since) { return boot_time{} + since; }

} // namespace

TEST_CASE("of a store that was not heard nothing is told") {
  const store_time known;
  CHECK_FALSE(known.passed(at(1s)));
}

TEST_CASE("what the store's clock said counts from the answer on, and goes on by boot time") {
  store_time known;
  CHECK_FALSE(known.heard(began, at(1s), at(3s)));
  CHECK(known.passed(at(3s)) == began);
  const instant later = *known.passed(at(3s + 400ms));
  CHECK(later <= began + 400ms);
  CHECK(later >= began + 399ms);
}

TEST_CASE("a slow answer does not take back what a fast one has told") {
  store_time known;
  known.heard(began, at(1s), at(1s));
  known.heard(began + 1s, at(1s + 1ms), at(4s)); // the store was asked at once, and was heard late
  CHECK(*known.passed(at(4s)) > began + 2900ms);
  known.heard(began + 3s, at(4s), at(4s));
  CHECK(known.passed(at(4s)) == began + 3s);
}

TEST_CASE("a store whose clock was set is followed, ahead with a word to look anew") {
  store_time known;
  known.heard(began, at(1s), at(1s));
  CHECK_FALSE(known.heard(began - 1h + 1s, at(2s), at(2s)));
  CHECK(known.passed(at(2s)) == began - 1h + 1s);
  CHECK(known.heard(began, at(3s), at(3s)));
  CHECK(known.passed(at(3s)) == began);
}

TEST_CASE("with clocks that part and answers of any delay it is passed, and nearly reached") {
  std::mt19937_64 dice{7};
  const auto below = [&dice](std::int64_t most) {
    return static_cast<std::int64_t>(dice() % static_cast<std::uint64_t>(most));
  };
  for (const std::int64_t ppm : {-900, -100, 0, 100, 900}) {
    CAPTURE(ppm);
    const auto store_at = [ppm](boot_time now) {
      const duration since = now - boot_time{};
      return began + since + since * ppm / 1'000'000;
    };
    store_time known;
    boot_time now = at(1s);
    for (int beat = 0; beat < 2'000; ++beat) {
      const boot_time asked = now;
      const boot_time read = asked + duration{below(beat % 10 == 0 ? 1'500'000'000 : 5'000'000)};
      now = read + duration{below(beat % 7 == 0 ? 1'500'000'000 : 5'000'000)};
      known.heard(store_at(read), asked, now);
      for (int look = 0; look < 4; ++look, now += duration{below(100'000'000)}) {
        CHECK(*known.passed(now) <= store_at(now));
        if (beat > 20)
          CHECK(*known.passed(now) > store_at(now) - 50ms);
      }
    }
  }
}
