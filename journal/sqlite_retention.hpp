// What is old enough goes, in small steps with the commits or between them: first commits, in
// order, then the events before the oldest one that is kept, in order too. Pending events and dead
// letters stay where they are. What is gone by a step, and what is left, is one transaction
// (kept_part.hpp).
#pragma once

#include "journal/kept_part.hpp"
#include "journal/pending_set.hpp"
#include "journal/retention_pace.hpp"
#include "journal/sqlite_writer.hpp"

#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace skein::journal {

class sqlite_retention {
 public:
  /// `clock` goes steadily.
  sqlite_retention(sqlite_writer& writer, kept_part kept, std::function<duration()> clock)
    : writer_{writer}, kept_{std::move(kept)}, clock_{std::move(clock)} {}

  result<void> prepare();

  struct rule {
    instant before = no_instant; // what was over by then goes
    commit_no below{};           // this commit and later ones stay
    /// Events from here on stay for now, although they may be over: the ends that a commit under
    /// way brings are in the pending set already, but in no row yet.
    std::uint64_t events_below = std::numeric_limits<std::uint64_t>::max();
  };
  /// Whether a step would drop anything.
  result<bool> has_work(const rule& how);
  /// Drops so much of what may go, in a transaction of its own. True if there may be more.
  result<bool> step(const rule& how, const pending_set& pending, const step_budget& most);

  /// The same inside of another transaction. It counts from keep() on, when it is on disk.
  result<void> drop_along(const rule& how, const pending_set& pending, const step_budget& most);
  /// True if there may be more.
  bool keep();

  const kept_part& kept() const noexcept { return kept_; }
  /// When the oldest commit that is kept was made; no_instant without commits.
  instant oldest() const noexcept { return oldest_; }
  std::uint64_t rows_dropped() const noexcept { return rows_; }
  /// The time of one, without its commit.
  duration longest_step() const noexcept { return longest_; }
  /// In use of the file, and free for what comes: SQLite keeps what it once took.
  struct file_bytes {
    std::uint64_t used = 0;
    std::uint64_t free = 0;
  };
  result<file_bytes> look_at_file();

 private:
  class dropping;

  /// What a step has changed, and found.
  struct changes {
    kept_part kept;
    instant oldest = no_instant; // commit that stays
    std::uint64_t rows = 0;
    bool more = false;
    bool is_waiting = false; // for an event that may go soon
  };

  result<void> find_oldest();

  sqlite_writer& writer_;
  kept_part kept_;
  instant oldest_ = no_instant;
  std::function<duration()> clock_;
  std::optional<changes> along_; // until keep()
  retention_stride stride_;
  bool is_waiting_ = false;
  std::uint64_t rows_ = 0;
  duration longest_{};
  statement commits_, drop_commits_, sizes_, outcomes_, drop_events_, drop_outcomes_,
      drop_attempts_, add_late_, late_, drop_late_, pages_, free_pages_;
  std::uint64_t page_bytes_ = 0;
};

} // namespace skein::journal
