// The table `timer` made anew from the rows of what is pending.
#pragma once

#include "protocol/result.hpp"
#include "protocol/time.hpp"

#include <cstdint>

namespace skein::journal {

struct sqlite_parts;

/// In a transaction of its own, which damage rolls back without stopping the writer
/// (try_transact). Of an event whose row cannot be read nobody knows the times any more: they are
/// this one, so that whoever reads it then finds the damage. Events from `below` on are left out:
/// a commit that is being written brings them, with their times.
result<void> remake_timers(sqlite_parts& parts, instant of_unreadable, std::uint64_t below);

} // namespace skein::journal
