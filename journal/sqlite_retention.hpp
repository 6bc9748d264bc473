// What is old enough goes, in small steps between the commits: first commits, in order, then the
// events before the oldest one that is kept, in order too. Pending events and dead letters stay
// where they are. What is gone by a step, and what is left, is one transaction (kept_part.hpp).
#pragma once

#include "journal/kept_part.hpp"
#include "journal/pending_set.hpp"
#include "journal/sqlite_writer.hpp"

#include <string>
#include <vector>

namespace skein::journal {

class sqlite_retention {
 public:
  sqlite_retention(sqlite_writer& writer, kept_part kept)
    : writer_{writer}, kept_{std::move(kept)} {}

  result<void> prepare();

  struct rule {
    instant before = no_instant; // what was over by then goes
    commit_no below{};           // this commit and later ones stay
  };
  /// Whether a step would drop anything.
  result<bool> has_work(const rule& how);
  /// Drops at most limits::retention_step_events of what may go. True if there may be more.
  result<bool> step(const rule& how, const pending_set& pending);

  const kept_part& kept() const noexcept { return kept_; }
  /// When the oldest commit that is kept was made; no_instant without commits.
  instant oldest() const noexcept { return oldest_; }
  std::uint64_t rows_dropped() const noexcept { return rows_; }
  /// In use of the file, and free for what comes: SQLite keeps what it once took.
  struct file_bytes {
    std::uint64_t used = 0;
    std::uint64_t free = 0;
  };
  result<file_bytes> look_at_file();

 private:
  class dropping;

  result<void> find_oldest();

  sqlite_writer& writer_;
  kept_part kept_;
  instant oldest_ = no_instant;
  std::uint64_t rows_ = 0;
  statement commits_, drop_commits_, sizes_, outcomes_, drop_events_, drop_outcomes_,
      drop_attempts_, add_late_, late_, drop_late_, pages_, free_pages_;
  std::uint64_t page_bytes_ = 0;
};

} // namespace skein::journal
