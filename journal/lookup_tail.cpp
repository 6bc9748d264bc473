#include "journal/lookup_tail.hpp"

#include <algorithm>
#include <utility>

namespace skein::journal {

range_hashes::range_hashes(std::uint64_t range, std::uint64_t size, std::uint32_t slot)
  : range_{range}, size_{size}, from_{slot}, to_{slot} {
  for (hashes& each : hashes_) // not zeroed: pages that were never written cost nothing
    each = std::make_unique_for_overwrite<std::uint64_t[]>(size);
}

lookup_tail::ranges lookup_tail::all() const {
  const std::lock_guard lock{mutex_};
  return ranges_;
}

void lookup_tail::tell_damaged(std::uint64_t range) {
  const std::lock_guard lock{mutex_};
  damaged_.insert(range);
}

void lookup_tail::tell_damaged_summary(std::uint64_t group) {
  const std::lock_guard lock{mutex_};
  damaged_summaries_.insert(group);
}

void lookup_tail::add(std::shared_ptr<range_hashes> hashes) {
  const std::lock_guard lock{mutex_};
  ranges_.push_back(std::move(hashes));
}

void lookup_tail::remove(std::uint64_t range) {
  const std::lock_guard lock{mutex_};
  std::erase_if(ranges_, [range](const auto& each) { return each->range() == range; });
}

std::set<std::uint64_t> lookup_tail::take_damaged() {
  const std::lock_guard lock{mutex_};
  return std::exchange(damaged_, {});
}

std::set<std::uint64_t> lookup_tail::take_damaged_summaries() {
  const std::lock_guard lock{mutex_};
  return std::exchange(damaged_summaries_, {});
}

} // namespace skein::journal
