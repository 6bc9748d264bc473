// What is old enough goes, in small steps with the commits or between them: first commits, in
// order, then the events before the oldest one that is kept, in order too. Pending events and dead
// letters stay where they are. What is gone by a step, and what is left, is one transaction
// (kept_part.hpp).
//
// Nothing goes by what cannot be believed: the outcomes of an event are held against their
// checksums and against the table `dead` before it is dropped. One that does not fit stays, for
// good, and is told. What SQLite cannot read rolls a step back without stopping the writer, and the
// sweep passes the stride by.
#pragma once

#include "journal/checked_rows.hpp"
#include "journal/kept_part.hpp"
#include "journal/pending_set.hpp"
#include "journal/retention_pace.hpp"
#include "journal/sqlite_writer.hpp"

#include <functional>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace skein::journal {

class sqlite_retention {
 public:
  /// `clock` goes steadily.
  sqlite_retention(sqlite_writer& writer, const unchecked_rows& old, kept_part kept,
                   std::function<duration()> clock)
    : writer_{writer}, old_{old}, kept_{std::move(kept)}, clock_{std::move(clock)} {}

  result<void> prepare();

  struct rule {
    instant before = no_instant; // what was over by then goes
    commit_no below{};           // this commit and later ones stay
    /// Events from here on stay for now, although they may be over: the ends that a commit under
    /// way brings are in the pending set already, but in no row yet.
    std::uint64_t events_below = std::numeric_limits<std::uint64_t>::max();
    /// The same of events that the sweep has passed.
    std::set<std::uint64_t> ending{};
  };
  /// Whether a step would drop anything.
  result<bool> has_work(const rule& how);
  /// Drops so much of what may go, in a transaction of its own. True if there may be more. After an
  /// error for which is_unreadable() holds the next step may do better.
  result<bool> step(const rule& how, const pending_set& pending, const step_budget& most);

  /// The same inside of another transaction. It counts from keep() on, when it is on disk.
  result<void> drop_along(const rule& how, const pending_set& pending, const step_budget& most);
  /// True if there may be more.
  bool keep();

  /// Fills the table of events that ended late, which is empty, from the outcomes of those that the
  /// sweep has passed. What is pending may end much later.
  result<void> remember_late(const pending_set& pending);

  /// The last step failed for what the next one will pass by: damage, or what the disk has not
  /// given several times.
  bool passes_by() const noexcept { return passes_by_; }
  /// What was found damaged, and stays, since this was asked last.
  std::vector<error> take_damage() { return std::exchange(damage_, {}); }

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
    std::vector<error> damage{};
  };
  /// Events [from, to).
  struct stride {
    std::uint64_t from = 0;
    std::uint64_t to = 0;
  };

  result<void> find_oldest();

  sqlite_writer& writer_;
  unchecked_rows old_;
  kept_part kept_;
  instant oldest_ = no_instant;
  std::function<duration()> clock_;
  std::optional<changes> along_; // until keep()
  retention_stride stride_;
  bool is_waiting_ = false;
  stride under_way_;              // of the sweep
  std::vector<stride> passed_by_; // what SQLite cannot read of it
  bool passes_by_ = false;
  std::uint64_t tried_ = 0; // where the last step that failed was
  int tries_ = 0;           // of it, one after another
  std::vector<error> damage_;
  std::uint64_t rows_ = 0;
  duration longest_{};
  statement commits_, digest_, drop_commits_, sizes_, outcomes_, dead_, drop_events_,
      drop_outcomes_, drop_attempts_, add_late_, late_, drop_late_, pages_, free_pages_;
  std::uint64_t page_bytes_ = 0;
};

} // namespace skein::journal
