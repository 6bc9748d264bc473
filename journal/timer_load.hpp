// The times of pending events at a start: which have come, and whether all of them are there.
#pragma once

#include "protocol/result.hpp"

#include <cstdint>
#include <vector>

namespace skein::journal {

struct sqlite_parts;

/// The numbers, ascending, of the delayed events that are pending and whose time has come by
/// parts.last_at. The pending set must be loaded. One pass over the table `timer`, no rows of
/// events. If a time is missing there of an event that is delayed or expires, or if one is not as
/// it was written, the table is made anew from the rows of what is pending, and told in
/// parts.notes.
result<std::vector<std::uint64_t>> load_due(sqlite_parts& parts);

} // namespace skein::journal
