// How much retention does at a time. Under load its steps go along with commits: the rows of a
// commit then take the pages that the step has freed, so that the step costs neither a write nor a
// sync of its own. Such a step drops as many events as came in since the last one and some more,
// and takes a bounded share of the writer's time. Both are larger while retention is far behind.
#pragma once

#include "protocol/limits.hpp"
#include "protocol/time.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace skein::journal {

struct step_budget {
  /// A step ends after so much of either; it looks at the clock between strides.
  std::size_t events = limits::retention_step_events;
  duration time = limits::retention_step_time;
  /// It ends before an event that may go so soon, too: events end a little after the commit that
  /// brought them, and each that is passed by costs ten times as much later.
  duration patience{};
};

class retention_pace {
 public:
  /// `join_events`: so many events must have come in before a step goes along.
  explicit retention_pace(std::size_t join_events) : join_events_{join_events} {}

  /// A commit with so many events is about to be written. Empty while a step is not worth its
  /// pages.
  std::optional<step_budget> next(std::size_t events, duration now, bool is_far_behind) {
    came_in_ += events;
    if (came_in_ < join_events_)
      return std::nullopt;
    const std::size_t more = is_far_behind ? came_in_ : came_in_ / more_part;
    const duration share = (now - last_) / (is_far_behind ? behind_part : time_part);
    const step_budget found{std::min(came_in_ + more, limits::retention_joined_events),
                            std::clamp(share, time_min, duration{limits::retention_step_time}),
                            limits::retention_patience};
    came_in_ = 0;
    last_ = now;
    return found;
  }

 private:
  static constexpr std::size_t more_part = 4;
  static constexpr int time_part = 10;
  static constexpr int behind_part = 4;
  static constexpr duration time_min = std::chrono::microseconds{100};

  std::size_t join_events_;
  std::size_t came_in_ = 0; // since the last step
  duration last_{};
};

/// Events of one look at the clock: few while they are slow to drop, as large ones and those on a
/// slow disk are.
class retention_stride {
 public:
  std::size_t events() const noexcept { return events_; }
  void took(duration time) {
    constexpr duration most = limits::retention_step_time;
    if (time > most / 8)
      events_ = std::max<std::size_t>(events_ / 2, 1);
    else if (time < most / 16)
      events_ = std::min(events_ * 2, limits::retention_stride_events);
  }

 private:
  std::size_t events_ = 16;
};

} // namespace skein::journal
