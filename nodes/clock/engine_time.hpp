// Wall time that never goes back. When the system's clock is set back, the time stands still until
// the clock has caught up: what was due stays fired once, what is not yet due waits.
#pragma once

#include "protocol/time.hpp"

#include <atomic>

namespace skein {

/// Any thread.
class engine_time {
 public:
  /// `read` is what the system's clock says; the answer is never below an earlier answer.
  instant at_least(instant read) noexcept {
    std::int64_t last = last_ns_.load(std::memory_order_relaxed);
    const std::int64_t now = to_ns(read);
    while (last < now && !last_ns_.compare_exchange_weak(last, now, std::memory_order_relaxed)) {}
    return from_ns(last < now ? now : last);
  }

 private:
  std::atomic<std::int64_t> last_ns_{0};
};

} // namespace skein
