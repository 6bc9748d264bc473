#include "journal/sqlite_file.hpp"

namespace skein::journal {

std::string journal_file(const std::string& directory) { return directory + "/journal.db"; }

result<void> check_ours(database& db) {
  const auto id = db.number("PRAGMA application_id");
  const auto tables = db.number("SELECT count(*) FROM sqlite_schema");
  if (!id || !tables)
    return !id ? id.error() : tables.error();
  if (*tables > 0 && *id != application_id)
    return error{errc::store_corrupt, "journal.db is an SQLite file, but not a journal; choose "
                                      "another directory or move the file away"};
  return {};
}

} // namespace skein::journal
