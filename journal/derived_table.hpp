// Tables whose rows can be made anew from others. One that is damaged stops nothing: it is emptied,
// and filled again by whoever knows how.
#pragma once

#include "journal/sqlite_db.hpp"

namespace skein::journal {

struct derived_table {
  const char* name;
  const char* probe; // a query that reads all of it
};
inline constexpr derived_table timer_table{
    "timer", "SELECT total(bucket + no + kind + at + shard) FROM timer"};
inline constexpr derived_table late_table{"late", "SELECT total(ended + no) FROM late"};
inline constexpr derived_table pending_range_table{
    "pending_range", "SELECT total(upto + events + instr(marks, x'00')) FROM pending_range"};
inline constexpr derived_table pending_saved_table{"pending_saved",
                                                   "SELECT total(upto) FROM pending_saved"};
inline constexpr derived_table route_table{"route",
                                           "SELECT total(instr(deliveries, '0')) FROM route"};

/// Whether SQLite can read the whole table; what its rows say is another matter. Outside of a
/// transaction: one that met damage or a failed read does not go on.
result<bool> is_readable(database& db, const derived_table& table);

/// In a transaction of the caller's. A table that cannot be read is put aside under another name
/// and made anew: to drop it would free pages by pointers that may be damaged too, and with them
/// pages of other tables.
result<void> empty(database& db, const derived_table& table, bool readable);

} // namespace skein::journal
