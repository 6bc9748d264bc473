// Writes transactions, and decides what is known after one that failed:
//
//   before BEGIN    the index of the log, a file of its own, gets its room. A refusal as below.
//   before COMMIT   the transaction is rolled back: a definite no. After a refusal (disk_full,
//                   store_locked) the writer goes on; any other error stops it.
//   at COMMIT       a full disk cannot have left a whole commit in the log, and a lock that was not
//                   got nothing at all: rolled back, a refusal. Anything else may or may not last:
//                   unknown_outcome, and the writer stops.
//   rows that cannot be read, or are damaged, are met before COMMIT too. In work that nobody waits
//                   for (try_transact) they stop nothing, as long as no write failed.
//   when stopped    nothing more reaches the files, whatever SQLite tries; each call is io_error.
#pragma once

#include "journal/read_gate.hpp"
#include "journal/sealed_commit.hpp"
#include "journal/sqlite_db.hpp"
#include "journal/sqlite_rows.hpp"
#include "journal/sqlite_vfs.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace skein::journal {

class sqlite_writer {
 public:
  /// The guard must outlive the writer.
  sqlite_writer(database db, guarded_vfs& guard, std::size_t wal_bytes);
  ~sqlite_writer();
  sqlite_writer(const sqlite_writer&) = delete;
  sqlite_writer& operator=(const sqlite_writer&) = delete;

  /// First of all; enough for transact().
  result<void> prepare_transactions();
  /// After the schema is there; for write().
  result<void> prepare_rows();

  /// `body` between BEGIN and COMMIT.
  result<void> transact(const std::function<result<void>()>& body);
  /// The same for work that nobody waits for: if `body` meets rows that are damaged or cannot be
  /// read (is_unreadable), it is rolled back and the writer goes on. A write that fails stops it.
  result<void> try_transact(const std::function<result<void>()>& body);
  /// `along` comes before the commit's rows, in its transaction; it may be empty. Whatever it fails
  /// with is a definite no to the whole, and the writer goes on, as the rows alone may do well; but
  /// a write that fails stops it.
  result<void> write(const sealed_commit& commit, const std::function<result<void>()>& along = {});
  /// Whether the last write() was rolled back for rows that cannot be read. If they are of a table
  /// that can be made anew, it may be tried again; else the caller stops the writer.
  bool met_unreadable() const noexcept { return met_unreadable_; }
  /// All of it but the commit's own row: what is kept of a time before the oldest commit.
  result<void> write_rows(const sealed_commit& commit);

  /// Moves what the log holds into the file, if there is enough of it or `always`. What fails here
  /// is not lost: a refusal leaves it to a later try, another error stops the writer.
  void checkpoint(bool always);
  /// How the last checkpoint that was tried ended.
  const result<void>& checkpointed() const noexcept { return checkpointed_; }
  /// The same, whole, and leaves the log empty.
  result<void> checkpoint_and_truncate();
  /// A reader keeps the log from beginning anew, for so long that it became many times as large as
  /// it should be, and has not ended when it was waited for.
  bool is_held_up() const noexcept {
    constexpr std::size_t times = 8;
    return (!all_moved_ || waited_in_vain_) && log_bytes() >= times * wal_bytes_;
  }

  /// For the readers of this process.
  const std::shared_ptr<read_gate>& gate() const noexcept { return gate_; }

  database& db() noexcept { return db_; }
  bool stopped() const noexcept { return guard_.is_shut(); }
  /// Nothing more reaches the files from now on, whatever SQLite tries.
  error stop(errc code, error why);
  /// What every call answers then, with the first error.
  error stopped_error() const;
  std::uint64_t log_bytes() const noexcept {
    return static_cast<std::uint64_t>(log_pages_) * page_bytes_;
  }
  std::uint64_t checkpoints() const noexcept { return checkpoints_; }
  /// No checkpoint has anything to do.
  bool log_is_moved() const noexcept { return all_moved_ && log_pages_ == tried_pages_; }

 private:
  class event_rows;
  class outcome_rows;

  result<void> insert(const sealed_commit& commit);
  result<void> insert_rows(const sealed_commit& commit);
  result<void> insert_timers(const staged_batch& staged);
  result<void> insert_states(const staged_batch& staged);
  result<void> insert_attempts(const sealed_commit& commit);
  result<void> insert_starts(const staged_batch& staged);
  result<void> insert_commit(const sealed_commit& commit);
  result<void> run(statement& which, std::string_view doing);
  result<void> begin();
  result<void> make_index();
  result<void> commit();
  error undo(error why);
  error roll_back(error why);
  error after_failed_commit(int code);
  int move_log(int& in_log, int& moved);
  int begin_log_anew(int& in_log, int& moved);

  database db_;
  guarded_vfs& guard_;
  std::size_t wal_bytes_;
  std::shared_ptr<read_gate> gate_ = std::make_shared<read_gate>();
  std::unique_ptr<event_rows> event_rows_;
  std::unique_ptr<outcome_rows> outcome_rows_;
  statement begin_, commit_, rollback_;
  statement add_agent_, add_events_, add_outcomes_, add_attempt_, set_start_, end_start_, add_dead_,
      add_late_, set_state_, erase_state_, add_timer_, add_commit_;
  std::atomic<int> log_pages_ = 0; // in the log, told by SQLite after each commit
  int tried_pages_ = 0;            // of them, at the last checkpoint
  bool all_moved_ = true;          // that checkpoint moved them all
  bool waited_in_vain_ = false;    // it waited for readers, and they did not end
  std::size_t page_bytes_ = 0;
  std::uint64_t index_frames_ = 0; // of the log, for which its index has room
  bool met_unreadable_ = false;
  std::atomic<std::uint64_t> checkpoints_ = 0;
  result<void> checkpointed_;
  std::string why_stopped_;
};

} // namespace skein::journal
