// All of a store held against what it says of itself: SQLite's own structure, every checksum, the
// chain from its first commit on, the high-water mark, the counts. Changes nothing, takes no lock,
// and may run beside the node that has the store: it looks at one moment of it.
#pragma once

#include "journal/ledgers.hpp"
#include "protocol/ids.hpp"
#include "protocol/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace skein::journal {

inline constexpr std::size_t verify_problems_max = 20;

struct verify_report {
  std::string store_id;
  commit_no last{};                // of journal.db
  std::optional<commit_no> marked; // by high-water
  std::uint64_t commits = 0;       // held against the chain
  std::uint64_t states = 0;        // of keys
  // What was written before there were checksums; only its counts are checked.
  std::uint64_t unchecked_commits = 0;
  std::uint64_t unchecked_events = 0;
  ledgers counted; // from the rows, `pending` included
  /// Sentences, verify_problems_max of a kind at most; none: the store is whole.
  std::vector<std::string> problems;
};

/// Reads everything: the time grows with the store. While a node writes to it, its write-ahead log
/// grows until this ends. Errors: those of require_store(), io_error if it cannot be read,
/// store_corrupt if it is none, store_version.
result<verify_report> verify_sqlite(const std::string& directory, const std::string& vfs = {});
/// The same of a copy in one file, which has no mark.
result<verify_report> verify_copy(const std::string& file);

} // namespace skein::journal
