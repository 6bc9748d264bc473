// The records of a store one after the other, as of one moment and beside a node too. What is
// damaged is named in its place, and the walk goes on behind it.
#pragma once

#include "journal/journal.hpp"

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace skein::journal {

struct number_range {
  std::uint64_t first = 1;
  std::uint64_t last = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max() / 16);
};

struct dump_options {
  std::string directory;
  std::optional<number_range> commits{};
  std::optional<number_range> events{};
  std::optional<std::string> key{};
  bool payload = false;
};

/// Texts are UTF-8; other bytes are base64 in a value whose name ends in "_base64".
struct dump_record {
  std::string kind; // commit, event, outcome, attempt, state, damaged
  std::vector<std::pair<std::string, std::variant<std::int64_t, std::string>>> values{};
};
/// False ends the walk.
using dump_sink = std::function<bool(const dump_record&)>;

struct dump_summary {
  std::uint64_t records = 0;
  std::uint64_t damaged = 0;
};

result<dump_summary> dump_sqlite(const dump_options& options, const dump_sink& show);

} // namespace skein::journal
