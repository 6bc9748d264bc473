// What the rules of a time zone say, as schedules see them: one offset from each change of the
// clocks to the next. The real ones are read in nodes/; tests make their own.
#pragma once

#include "protocol/time.hpp"

#include <chrono>

namespace skein {

/// A zone's own time, as a clock on the wall there shows it; whole seconds.
using std::chrono::local_seconds;

/// Instants from begin to before end, which are whole seconds: their local time is UTC + offset.
struct offset_span {
  instant begin; // instant::min(): there is no change before
  instant end;   // instant::max(): there is none behind
  std::chrono::seconds offset{};

  local_seconds local(instant at) const noexcept {
    return local_seconds{std::chrono::floor<std::chrono::seconds>(at.time_since_epoch()) + offset};
  }
  /// Also of a local time that another span has.
  instant at(local_seconds local) const noexcept {
    return instant{local.time_since_epoch() - offset};
  }
};

class zone_rules {
 public:
  virtual ~zone_rules() = default;
  /// The span that has this instant. Spans follow one another without gaps.
  virtual offset_span at(instant when) const = 0;
};

} // namespace skein
