// A store as JSON Lines that mean something without it: events as CloudEvents with all that came of
// them, and states. docs/backup-and-repair.md has the form.
#pragma once

#include "journal/journal.hpp"

#include <cstdint>
#include <functional>
#include <istream>
#include <string>
#include <string_view>

namespace skein::journal {

inline constexpr int export_version = 1;
/// Its first bytes.
inline constexpr std::string_view export_head = "{\"skein_export\":";

struct export_counts {
  std::uint64_t events = 0;
  std::uint64_t deliveries = 0;
  std::uint64_t pending = 0; // deliveries
  std::uint64_t states = 0;
  friend bool operator==(const export_counts&, const export_counts&) = default;
};

struct export_options {
  std::string directory;
  instant now = no_instant;
  std::function<void(std::uint64_t done, std::uint64_t all)> progress = {}; // in events
};
/// False if it could not be written.
using line_sink = std::function<bool(std::string_view line)>;

/// As of one moment, beside a node too. store_corrupt, naming the record, where it is damaged.
result<export_counts> export_sqlite(const export_options& options, const line_sink& write);

struct import_options {
  std::string directory;    // absent or empty
  std::uint32_t shards = 0; // 0: as the store had
  bool dry_run = false;     // the file is read and checked whole, nothing is made
};

/// invalid_argument names the line that is wrong, or says that the end is missing; then nothing was
/// made.
result<export_counts> import_sqlite(const import_options& options, std::istream& from);

} // namespace skein::journal
