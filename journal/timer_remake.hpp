// The table `timer` made anew from the rows of what is pending.
#pragma once

#include "protocol/result.hpp"
#include "protocol/time.hpp"

namespace skein::journal {

struct sqlite_parts;

/// In a transaction of its own, which damage rolls back without stopping the writer
/// (try_transact). Of a delayed event whose row cannot be read nobody knows the time any more: it
/// gets this one, so that whoever reads it then finds the damage.
result<void> remake_timers(sqlite_parts& parts, instant of_unreadable);

} // namespace skein::journal
