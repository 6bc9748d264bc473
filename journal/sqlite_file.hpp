// Which file of a store's directory is the journal, and whether it is one.
#pragma once

#include "journal/sqlite_db.hpp"
#include "protocol/ids.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace skein::journal {

/// "Skei", so that `file` and others can tell what journal.db is.
inline constexpr std::int64_t application_id = 0x536b6569;

/// The first bytes of each file of SQLite.
inline constexpr std::string_view sqlite_head{"SQLite format 3\0", 16};

std::string journal_file(const std::string& directory);

/// store_corrupt if it is an SQLite file of something else. An empty one is ours to be made.
result<void> check_ours(database& db);

/// store_corrupt: journal.db is not there, but a mark says that this commit of it was on disk.
error lost_file(const std::string& directory, commit_no marked);

/// Whether there is a store to be read. not_found if the directory has none; store_corrupt if it
/// has only the mark of one, or a repair was stopped while it moved files; store_unfinished.
/// Changes nothing.
result<void> require_store(const std::string& directory);

/// One of ours to be read as of this moment, beside a node too: what is committed from here on is
/// not seen.
result<database> open_as_of_now(const std::string& file, const std::string& vfs = {});
/// The same of a directory's store, if it has one.
result<database> open_store_as_of_now(const std::string& directory);

} // namespace skein::journal
