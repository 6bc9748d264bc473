// What the disk and SQLite alone can do: the limits that the journal is held against. Every batch
// is synced before it counts.
#pragma once

#include "protocol/result.hpp"

#include <cstddef>
#include <functional>
#include <limits>
#include <string>
#include <vector>

namespace skein::bench {

/// Batches of one size, one after the other.
struct batch_run {
  std::size_t events = 0;
  double seconds = 0;
  double cpu_seconds = 0;       // of the whole process
  std::vector<double> batch_ms; // of each batch, in rising order

  double events_per_s() const { return static_cast<double>(events) / seconds; }
};

/// When to stop: after so many events, or after so long; whichever is first.
struct run_limit {
  std::size_t events = std::numeric_limits<std::size_t>::max();
  double seconds = std::numeric_limits<double>::max();
};

/// Runs `step`, which handles the batch that begins with this number, until the limit.
result<batch_run> run_batches(std::size_t batch, run_limit until,
                              const std::function<result<void>(std::size_t first)>& step);

/// Growing costs a sync more: it writes the file's new size too. The store's log grows at its
/// beginning, and is then written over and over.
enum class file_use { grows, written_over };

/// Write a batch of bodies and fdatasync, in a file of this folder.
result<batch_run> write_and_sync(const std::string& folder, file_use use, std::size_t batch,
                                 std::size_t body_bytes, run_limit until);

/// Insert a batch in one transaction, delete it in the next, in a table of three columns.
result<batch_run> sqlite_insert_delete(const std::string& folder, std::size_t batch,
                                       std::size_t body_bytes, run_limit until);

} // namespace skein::bench
