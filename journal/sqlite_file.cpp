#include "journal/sqlite_file.hpp"

#include "journal/high_water.hpp"
#include "journal/new_place.hpp"
#include "journal/sealed_tables.hpp"
#include "journal/store_swap.hpp"

#include <cerrno>
#include <sys/stat.h>

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

error lost_file(const std::string& directory, commit_no marked) {
  return {errc::store_corrupt, journal_file(directory) + " is missing or empty, but commit " +
                                   std::to_string(raw(marked)) +
                                   " of it was on disk (high-water); restore a backup, or move "
                                   "the file high-water away to begin a new store"};
}

result<void> require_store(const std::string& directory) {
  if (is_swap_begun(directory))
    return error{errc::store_corrupt, "a repair of " + directory +
                                          " was stopped while it moved files; the next start of a "
                                          "node or 'skein journal repair' ends it"};
  if (auto finished = check_finished(directory); !finished)
    return finished;
  struct stat info {};
  if (::stat(journal_file(directory).c_str(), &info) == 0 || (errno != ENOENT && errno != ENOTDIR))
    return {}; // what may not be looked at is told by who opens it
  const guarded_vfs guard{""};
  const auto mark = high_water{directory, guard}.read();
  if (!mark)
    return mark.error();
  if (*mark)
    return lost_file(directory, (*mark)->commit);
  return error{errc::not_found, "there is no store in " + directory};
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

result<database> open_store_as_of_now(const std::string& directory) {
  if (auto there = require_store(directory); !there)
    return there.error();
  return open_as_of_now(journal_file(directory));
}

} // namespace skein::journal
