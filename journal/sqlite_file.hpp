// Which file of a store's directory is the journal, and whether it is one.
#pragma once

#include "journal/sqlite_db.hpp"

#include <cstdint>
#include <string>

namespace skein::journal {

/// "Skei", so that `file` and others can tell what journal.db is.
inline constexpr std::int64_t application_id = 0x536b6569;

std::string journal_file(const std::string& directory);

/// store_corrupt if it is an SQLite file of something else. An empty one is ours to be made.
result<void> check_ours(database& db);

/// One of ours to be read as of this moment, beside a node too: what is committed from here on is
/// not seen.
result<database> open_as_of_now(const std::string& file, const std::string& vfs = {});

} // namespace skein::journal
