#include "nodes/clock/store_time.hpp"

#include <algorithm>

namespace skein {

namespace {

/// By so much of the time that goes by two machines' clocks may part: more than any does that is
/// not broken, and less than a millisecond between two beats.
constexpr int parting = 1'000;

/// Further than delays of answers and clocks that part explain.
constexpr std::chrono::milliseconds set_by{100};

} // namespace

instant store_time::counted(boot_time now) const noexcept {
  const duration since = std::max(now - since_, duration{0});
  return *at_ + since - since / parting;
}

bool store_time::heard(instant at, boot_time asked, boot_time answered) {
  const std::lock_guard lock{mutex_};
  const auto before = at_ ? std::optional{counted(answered)} : std::nullopt;
  const bool was_set = before && at > *before + set_by;
  // What was known before may be the better word, if it is no more than the store can have said.
  const bool keeps = before && *before > at && *before <= at + (answered - asked);
  at_ = keeps ? *before : at;
  since_ = answered;
  return was_set;
}

std::optional<instant> store_time::passed(boot_time now) const {
#ifdef SKEIN_BUG_EACH_NODE_HAS_ITS_TIME
  return std::nullopt;
#endif
  const std::lock_guard lock{mutex_};
  return at_ ? std::optional{counted(now)} : std::nullopt;
}

} // namespace skein
