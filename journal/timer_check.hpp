// The table `timer` held against the events: for `skein journal verify`.
#pragma once

#include "journal/sqlite_db.hpp"

#include <string>
#include <vector>

namespace skein::journal {

/// Pending events whose time, or whose expiry, stands nowhere in the table, and rows of it that are
/// not as they were written, a sentence each, `most` at most. Reads all events.
result<std::vector<std::string>> check_timers(database& db, std::size_t most);

} // namespace skein::journal
