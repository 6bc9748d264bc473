// When an agent may start its next program: after a failed start, or a program that ended early
// without one answer, it waits 100 ms, doubled up to 30 s. A program that answered a turn or lived
// for 10 s is proven: its end, crash or not, opens the gate, so that one poisonous event does not
// keep the other keys waiting. Pure: time comes in.
#pragma once

#include "protocol/limits.hpp"
#include "protocol/time.hpp"

#include <algorithm>
#include <cstdint>

namespace skein {

class start_gate {
 public:
  bool open(boot_time now) const noexcept { return now >= opens_at_; }
  boot_time opens_at() const noexcept { return opens_at_; }

  /// A program could not be started, or one started at `started` ended without having proven
  /// itself. Those started before the last failure tell nothing new and change nothing.
  void failed(boot_time started, boot_time now) noexcept {
    if (started < last_failure_)
      return;
    last_failure_ = now;
    opens_at_ = now + wait_;
    wait_ = std::min<duration>(wait_ * 2, limits::program_restart_max);
  }

  void proven() noexcept {
    wait_ = limits::program_restart_first;
    opens_at_ = {};
  }

 private:
  duration wait_ = limits::program_restart_first;
  boot_time opens_at_{};
  boot_time last_failure_{};
};

} // namespace skein
