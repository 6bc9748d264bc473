// A backup: one file with all of a store as of one commit, made beside the node that runs on it. It
// is an SQLite file that knows up to which commit it must be whole; it counts only after it was
// verified like a store.
#pragma once

#include "journal/sqlite_verify.hpp"

#include <cstdint>
#include <functional>
#include <string>

namespace skein::journal {

struct backup_report {
  std::string file;
  std::uint64_t bytes = 0;
  instant made = no_instant;
  verify_report checked; // no problems
};

struct backup_options {
  std::string directory; // of the store
  std::string file;      // a new one, or a folder in which one is made
  instant now = no_instant;
  bool dry_run = false;
  std::function<void(std::uint64_t done, std::uint64_t all)> progress = {}; // in pages
};

/// Errors as verify_sqlite(), state_conflict if the file is there, disk_full; then nothing is left
/// of it.
result<backup_report> create_backup(const backup_options& options);

/// Whether a file is a backup and whole; store_corrupt if not, invalid_argument if it does not even
/// begin as one.
result<backup_report> check_backup(const std::string& file);

/// Into a folder that is empty or absent. The new store is of the same id, has the same events, and
/// a mark of its own.
result<backup_report> restore_backup(const backup_options& options);

} // namespace skein::journal
