// When an agent may start its next program. Three ways in which programs end by themselves:
//
//   early, with nothing read    broken, or cannot be started: the agent waits 100 ms, doubled up to
//                               30 s
//   without an answer, but it   the turn's fault, and the turn pays for it: the next one is started
//   had read of a turn          at once, so that one poisonous key keeps no other waiting; many of
//                               them only at a pace
//   after an answer or 10 s     proven: it may be started again at once
//
// Pure: time comes in.
#pragma once

#include "protocol/limits.hpp"
#include "protocol/time.hpp"

#include <algorithm>
#include <cstdint>

namespace skein {

class start_gate {
 public:
  bool open(boot_time now) const noexcept { return now >= opens_at(); }
  boot_time opens_at() const noexcept {
    return std::max(opens_at_, paid_until_ - limits::program_crashes_at_once * pace);
  }

  /// A program could not be started, or one started at `started` ended without having proven
  /// itself or read anything. Those started before the last failure tell nothing new and change
  /// nothing.
  void failed(boot_time started, boot_time now) noexcept {
    if (started < last_failure_)
      return;
    last_failure_ = now;
    opens_at_ = now + wait_;
    wait_ = std::min<duration>(wait_ * 2, limits::program_restart_max);
  }

  /// A program ended that had read of a turn and answered none.
  void crashed(boot_time now) noexcept { paid_until_ = std::max(paid_until_, now) + pace; }

  /// A turn was answered: that makes up for a crash.
  void answered(boot_time now) noexcept {
    if (paid_until_ > now)
      paid_until_ -= pace;
  }

  void proven() noexcept {
    wait_ = limits::program_restart_first;
    opens_at_ = {};
  }

 private:
  static constexpr duration pace = limits::program_crash_pace;

  duration wait_ = limits::program_restart_first;
  boot_time opens_at_{};
  boot_time last_failure_{};
  boot_time paid_until_{}; // as far ahead of now as crashes are not made up for yet
};

} // namespace skein
