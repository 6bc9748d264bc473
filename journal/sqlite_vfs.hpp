// The door between SQLite and the files of the writing connection: counts what goes through, and
// shuts for good after a failed sync. SQLite would write and sync again (at a rollback, a
// checkpoint, a close), and a second sync after a failed one may succeed without the bytes being on
// disk. It also keeps what the system said of the last call that failed: SQLite's own words for it
// are "disk I/O error".
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

struct sqlite3;
struct sqlite3_vfs;

namespace skein::journal {

/// errno of the last call that failed on the files of this connection, if a guarded_vfs has them;
/// else 0.
int last_errno_of(sqlite3* db);

/// Makes the index of the log, which SQLite keeps in the -shm file, so large that it has room for
/// `frames`, which is then how many there is room for: whole regions. 0, or the errno of what
/// failed: then there is room for what there was before.
///
/// By itself SQLite makes it larger when a commit is in the log and synced, and what fails there
/// leaves a commit that nobody knows of until the next start.
int make_log_index(sqlite3* db, std::uint64_t& frames);

class guarded_vfs {
 public:
  /// On top of this VFS; empty = the system's. Files opened through it must be closed before it
  /// dies.
  explicit guarded_vfs(const std::string& base);
  ~guarded_vfs();
  guarded_vfs(const guarded_vfs&) = delete;
  guarded_vfs& operator=(const guarded_vfs&) = delete;

  /// Empty if there is no such base.
  const std::string& name() const noexcept { return name_; }

  sqlite3_vfs* base() const noexcept { return base_; }

  /// Nothing is written or synced any more; every attempt fails.
  void shut() noexcept { shut_ = true; }
  bool is_shut() const noexcept { return shut_; }
  bool sync_failed() const noexcept { return sync_failed_; }
  /// Calls that failed to change or to sync a file, as far as it was not for want of room.
  std::uint64_t failed_writes() const noexcept { return failed_writes_; }
  /// errno of the last call that failed; 0 = none yet.
  int last_errno() const noexcept { return errno_; }
  std::uint64_t syncs() const noexcept { return syncs_; }
  std::uint64_t bytes_written() const noexcept { return bytes_; }

 private:
  friend struct guarded_file;
  sqlite3_vfs* base_ = nullptr;
  std::string name_;
  std::unique_ptr<sqlite3_vfs> vfs_;
  std::atomic<bool> shut_ = false;
  std::atomic<bool> sync_failed_ = false;
  std::atomic<std::uint64_t> failed_writes_ = 0;
  std::atomic<int> errno_ = 0;
  std::atomic<std::uint64_t> syncs_ = 0;
  std::atomic<std::uint64_t> bytes_ = 0;
};

} // namespace skein::journal
