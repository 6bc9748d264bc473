// How many a second, over the last 1, 10 or 60 seconds: a count for each second of the clock. Of
// the oldest second of a window only the part that still lies in it is taken.
#pragma once

#include "protocol/check.hpp"
#include "protocol/time.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace skein {

class rate_window {
 public:
  static constexpr std::int64_t seconds_max = 60;

  void add(boot_time now, std::uint64_t count) noexcept {
    advance_to(second_of(now));
    bucket(newest_) += count;
  }

  /// A second, over the last `seconds`.
  double over(std::int64_t seconds, boot_time now) const noexcept {
    SKEIN_CHECK(seconds >= 1 && seconds <= seconds_max);
    const std::int64_t last = second_of(now);
    const std::chrono::duration<double> within = now - boot_time{std::chrono::seconds{last}};
    double sum = (1.0 - within.count()) * static_cast<double>(count_of(last - seconds));
    for (std::int64_t each = last - seconds + 1; each <= last; ++each)
      sum += static_cast<double>(count_of(each));
    return sum / static_cast<double>(seconds);
  }

 private:
  static constexpr std::int64_t buckets = seconds_max + 1;

  static std::int64_t second_of(boot_time at) noexcept {
    return std::chrono::floor<std::chrono::seconds>(at).time_since_epoch().count();
  }
  std::uint64_t& bucket(std::int64_t second) noexcept {
    return counts_[static_cast<std::size_t>(second % buckets)];
  }
  std::uint64_t count_of(std::int64_t second) const noexcept {
    return second > newest_ - buckets && second <= newest_ && second >= 0
               ? counts_[static_cast<std::size_t>(second % buckets)]
               : 0;
  }
  void advance_to(std::int64_t second) noexcept {
    for (std::int64_t each = std::max(newest_ + 1, second - buckets + 1); each <= second; ++each)
      bucket(each) = 0;
    newest_ = std::max(newest_, second);
  }

  std::array<std::uint64_t, buckets> counts_{};
  std::int64_t newest_ = 0; // the second of the newest bucket
};

} // namespace skein
