// Cron expressions: which local times a job is due at. What becomes of local times that do not
// exist or come twice is not said here, but in due_times.
//
//   fields      [second] minute hour day-of-month month day-of-week
//   a field     `*`, or a list of values, ranges `a-b`, and either of them with a step `/n`; `a/n`
//               goes on to the field's end; `?` stands for `*` in a field of days
//   names       JAN to DEC, SUN to SAT, in either case; 0 and 7 are Sunday
//   days        `L` the last of the month, `L-n` n days before it, `nW` the weekday nearest to the
//               nth within the month, `LW` the last weekday; of the week `d#n` the nth d, `dL` the
//               last d
//   both        a day must match both fields of days if one of them begins with `*`, else either
//               (as cron(8) has it)
//   macros      @yearly @annually @monthly @weekly @daily @midnight @hourly
#pragma once

#include "actors/jobs/zone_rules.hpp"
#include "protocol/result.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace skein {

class cron {
 public:
  /// Errors: invalid_argument, naming the field, what it has and what it may have; also for what
  /// can never be, such as the 30th of February.
  static result<cron> parse(std::string_view text);

  /// The first local time at or behind `from` that matches; empty if the next 50 years have none.
  std::optional<local_seconds> next(local_seconds from) const;

  /// Its hour begins with `*`: it means "every so often", not a time of the day.
  bool is_of_any_hour() const noexcept { return any_hour_; }

 private:
  friend class cron_parser;
  using days_of_month = std::uint32_t; // bit d: day d

  days_of_month days_in(std::chrono::year_month month) const;
  days_of_month by_date(std::chrono::year_month_day_last last) const;
  days_of_month by_weekday(std::chrono::year_month_day_last last) const;
  std::optional<std::chrono::seconds> time_from(std::chrono::seconds from) const;

  // Bit n: value n matches.
  std::uint64_t seconds_ = 0, minutes_ = 0;
  std::uint32_t hours_ = 0, months_ = 0, days_ = 0, weekdays_ = 0; // Sunday is 0
  std::uint32_t days_before_last_ = 0;                             // L is bit 0, L-3 bit 3
  std::uint32_t nearest_weekdays_ = 0;                             // 15W is bit 15
  bool last_weekday_ = false;                                      // LW
  std::array<std::uint8_t, 6> nth_weekdays_{}; // [n], bit w: the nth w; [0]: the last
  bool any_hour_ = false;
  bool days_are_both_ = false; // a day must match both fields
};

} // namespace skein
