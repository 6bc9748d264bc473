// The times of events that wait for theirs or expire, on disk: table `timer`, in buckets of time.
//
//   level 0   1 s a bucket       what comes within about a minute
//   level 1   64 s               an hour
//   level 2   4,096 s            three days
//   level 3   262,144 s          later
//
// A row is appended to its bucket in the order of numbers, so that however many times are pending,
// a commit writes at the ends of a few buckets. A coarse bucket is split when it comes near. Which
// level a row stands in costs time only: a read looks at all of them. Rows of events that are over
// are swept out when their time has passed. All of it can be made anew from the events
// (timer_remake); so it is when a row is found that is not as it was written.
#pragma once

#include "journal/journal.hpp"
#include "journal/pending_set.hpp"
#include "journal/sqlite_writer.hpp"

#include <array>
#include <cstdint>

namespace skein::journal {

/// The number of the bucket in which a time belongs at `now`.
std::int64_t timer_bucket(instant at, instant now) noexcept;
/// The buckets that a time may stand in, one a level.
inline constexpr int timer_levels = 4;
std::array<std::int64_t, timer_levels> timer_places(instant at) noexcept;

/// Statements of a reading connection.
class timer_reader {
 public:
  result<void> prepare(database& db);
  result<timer_page> read(const timer_query& which);

 private:
  result<instant> next_begin(int level, instant until);

  statement rows_, next_;
};

/// Splits and sweeps, a bounded number of rows at a time; each step is a transaction of its own,
/// which rows that cannot be read roll back without stopping the writer.
class timer_upkeep {
 public:
  result<void> prepare(database& db);
  /// Whether there is more to do at once.
  result<bool> step(sqlite_writer& writer, const pending_set& pending, instant now);

 private:
  result<bool> split(sqlite_writer& writer, instant now);
  result<bool> sweep(sqlite_writer& writer, const pending_set& pending, instant now);
  bool is_sweep_due(instant now) const;

  statement next_coarse_, coarse_rows_, add_, remove_, passed_;
  // Where the sweep stands: the last row that it looked at.
  std::int64_t swept_bucket_ = -1;
  std::int64_t swept_no_ = 0;
  std::int64_t swept_kind_ = 0;
  instant swept_all_at_ = no_instant;
};

} // namespace skein::journal
