#include "actors/jobs/due_times.hpp"

#include <algorithm>

namespace skein {

namespace {

using std::chrono::seconds;

/// The instants of one span of an offset, which may begin with a gap or with times that the span
/// before had too, and end with times that the next one has.
class span_search {
 public:
  span_search(const cron& expression, const zone_rules& zone, dst_rules rules, offset_span span)
    : expression_{expression}, rules_{rules}, span_{span} {
    if (span.begin != instant::min()) {
      const offset_span before = zone.at(span.begin - seconds{1});
      before_end_ = before.local(span.begin);
    }
    if (span.end != instant::max())
      next_begin_ = zone.at(span.end).local(span.end);
  }

  /// The first at or behind `from`, which is in the span.
  std::optional<instant> first(instant from) const {
#ifndef SKEIN_BUG_JOB_MISSED_AT_SPRING_FORWARD
    if (from == span_.begin && rules_.gap == gap_rule::behind && is_due_in_gap())
      return from;
#endif
    local_seconds local = span_.local(from);
#ifndef SKEIN_BUG_JOB_TWICE_AT_FALL_BACK
    if (rules_.repeat == repeat_rule::first && before_end_)
      local = std::max(local, *before_end_);
#endif
    const auto found = expression_.next(local);
    if (!found || !is_before_end(*found))
      return std::nullopt;
    return span_.at(*found);
  }

 private:
  bool is_due_in_gap() const {
    if (!before_end_ || *before_end_ >= span_.local(span_.begin))
      return false;
    const auto found = expression_.next(*before_end_);
    return found && *found < span_.local(span_.begin);
  }
  bool is_before_end(local_seconds local) const {
    if (span_.end == instant::max())
      return true;
    const local_seconds end = span_.local(span_.end);
    return local < (rules_.repeat == repeat_rule::second ? std::min(end, *next_begin_) : end);
  }

  const cron& expression_;
  dst_rules rules_;
  offset_span span_;
  std::optional<local_seconds> before_end_; // where the span before ended, by its clock
  std::optional<local_seconds> next_begin_; // where the next one begins, by its clock
};

} // namespace

std::optional<instant> next_due(const cron& expression, const zone_rules& zone, dst_rules rules,
                                instant after) {
  instant from = start_of_second(after) + seconds{1};
  // The last span has no end, or the years run out.
  for (const instant latest = from + std::chrono::years{50}; from < latest;) {
    const offset_span span = zone.at(from);
    if (const auto found = span_search{expression, zone, rules, span}.first(from))
      return found;
    if (span.end == instant::max())
      return std::nullopt;
    from = span.end;
  }
  return std::nullopt;
}

} // namespace skein
