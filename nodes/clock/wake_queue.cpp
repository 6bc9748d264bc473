#include "nodes/clock/wake_queue.hpp"

#include <algorithm>
#include <tuple>

namespace skein {

bool wake_queue::later(const wake& a, const wake& b) noexcept {
  return std::tie(a.at, a.order) > std::tie(b.at, b.order);
}

bool wake_queue::push(boot_time at, callback fire) {
  const bool first = wakes_.empty() || at < wakes_.front().at;
  wakes_.push_back({at, pushed_++, std::move(fire)});
  std::push_heap(wakes_.begin(), wakes_.end(), later);
  return first;
}

std::optional<boot_time> wake_queue::earliest() const {
  if (wakes_.empty())
    return std::nullopt;
  return wakes_.front().at;
}

std::vector<wake_queue::callback> wake_queue::take_due(boot_time now) {
  std::vector<callback> due;
  while (!wakes_.empty() && wakes_.front().at <= now) {
    std::pop_heap(wakes_.begin(), wakes_.end(), later);
    due.push_back(std::move(wakes_.back().fire));
    wakes_.pop_back();
  }
  return due;
}

std::vector<wake_queue::callback> wake_queue::all() const {
  std::vector<wake> sorted = wakes_;
  std::sort(sorted.begin(), sorted.end(), [](const wake& a, const wake& b) { return later(b, a); });
  std::vector<callback> calls;
  calls.reserve(sorted.size());
  for (wake& each : sorted)
    calls.push_back(std::move(each.fire));
  return calls;
}

} // namespace skein
