// Opening the SQLite engine with what only tests and measurements set.
#pragma once

#include "journal/background_thread.hpp"
#include "journal/journal.hpp"

#include <chrono>
#include <functional>

namespace skein::journal {

/// How long a start waits for the lock of a process that was killed and is not quite gone.
inline constexpr std::chrono::seconds store_lock_patience{2};

struct sqlite_options {
  std::string directory; // made 0700 if absent; README.md says what it holds
  open_options store;
  std::string
      vfs{}; // name of a registered SQLite VFS on which journal.db lies; empty = the system's
  std::size_t page_bytes = limits::journal_page_bytes; // of a new store
  std::size_t wal_bytes = limits::journal_wal_bytes;   // then a commit is followed by a checkpoint
  std::size_t range_save_bytes = limits::range_save_bytes; // of saved ranges in one upkeep
  std::size_t retention_join_events = limits::retention_join_events;
  duration lock_patience = store_lock_patience;
  std::size_t dedupe_bucket = limits::dedupe_bucket_identities; // that many go into a file
  job_runner run{}; // what may take a while beside the writer; empty = on a thread of the engine's
  /// By which steps of retention are bounded; goes steadily.
  std::function<duration()> clock = [] {
    return duration{std::chrono::steady_clock::now().time_since_epoch()};
  };
  /// Of a new store that continues another one; else it gets one from store.seed.
  std::optional<store_identity> identity{};
};

/// Errors: store_locked, store_unsafe, store_unfinished, store_mismatch, store_version,
/// store_corrupt, disk_full, io_error, invalid_argument.
result<std::unique_ptr<engine>> open_sqlite(const sqlite_options& options);

} // namespace skein::journal
