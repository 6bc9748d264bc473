#include "journal/sqlite_file.hpp"

#include "journal/sealed_tables.hpp"

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

result<database> open_as_of_now(const std::string& file, const std::string& vfs) {
  auto db = database::open(file, {.write = false, .vfs = vfs});
  if (!db)
    return db;
  if (auto added = add_row_crc(*db); !added)
    return added.error();
  if (auto begun = db->run("BEGIN"); !begun)
    return begun.error();
  if (auto ours = check_ours(*db); !ours)
    return ours.error();
  return db;
}

} // namespace skein::journal
