// Dice for simulations: one seed gives one sequence, on every machine (the standard distributions
// do not).
#pragma once

#include "protocol/check.hpp"
#include "protocol/time.hpp"

#include <cstdint>

namespace skein::test {

class sim_random {
 public:
  explicit sim_random(std::uint64_t seed) : state_{seed} {}

  std::uint64_t next() noexcept { // splitmix64, Steele et al. 2014
    std::uint64_t value = state_ += 0x9e3779b97f4a7c15ull;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ull;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebull;
    return value ^ (value >> 31);
  }
  /// 0 .. count-1.
  std::uint64_t below(std::uint64_t count) {
    SKEIN_CHECK(count > 0);
    return next() % count;
  }
  bool chance(double part) noexcept { return static_cast<double>(next() >> 11) * 0x1.0p-53 < part; }
  duration between(duration low, duration high) {
    return low + duration{static_cast<duration::rep>(
                     below(static_cast<std::uint64_t>((high - low).count()) + 1))};
  }
  /// Mostly near `low`, now and then up to `high`: what waits in real systems look like.
  duration skewed(duration low, duration high) {
    for (duration top = high; top > low * 2; top /= 4)
      if (chance(0.25))
        return between(low, top);
    return between(low, low * 2);
  }
  /// An independent sequence.
  sim_random fork() noexcept { return sim_random{next()}; }

 private:
  std::uint64_t state_;
};

} // namespace skein::test
