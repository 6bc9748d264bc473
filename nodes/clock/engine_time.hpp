// Wall time that never goes back. When the system's clock is set back, the time stands still until
// the clock has caught up: what was due stays fired once, what is not yet due waits. When it is set
// forward, that counts at once, but not by more than clock_jump_max: then somebody has made a
// mistake, and nothing may expire because of it. The time goes on at its pace until the clock is
// within the bound again.
#pragma once

#include "protocol/time.hpp"

#include <atomic>
#include <mutex>

namespace skein {

/// More than a machine is ever switched off, paused or behind.
inline constexpr std::chrono::hours clock_jump_max{366 * 24};

/// Any thread.
class engine_time {
 public:
  /// The answer is never below an earlier answer, nor below `floor`.
  instant at_least(instant floor) noexcept;

  struct answer {
    instant now;
    bool doubted = false; // the clock is not believed, since this very call
  };
  /// `read` is what the system's clock says, at `boot`. The first one is believed.
  answer see(instant read, boot_time boot) noexcept;

 private:
  answer doubt(instant last, boot_time boot) noexcept;

  std::atomic<std::int64_t> last_ns_{0};
  std::atomic<bool> is_doubted_{false};
  std::mutex mutex_;
  instant since_wall_;     // guarded by mutex_: when it was last believed
  boot_time since_boot_{}; // guarded by mutex_
};

} // namespace skein
