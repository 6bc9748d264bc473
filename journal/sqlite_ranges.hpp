// What is pending, at a start: the saved ranges, and what the commits after them changed.
#pragma once

#include "protocol/result.hpp"

namespace skein::journal {

struct sqlite_parts;

/// Fills the state's pending set. What is damaged of the saved ranges is made anew from the rows of
/// events and outcomes, and told in parts.notes.
result<void> load_ranges(sqlite_parts& parts);

} // namespace skein::journal
