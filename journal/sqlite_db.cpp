#include "journal/sqlite_db.hpp"

#include "journal/sqlite_vfs.hpp"
#include "protocol/limits.hpp"

#include <cerrno>
#include <filesystem>
#include <mutex>
#include <system_error>

namespace skein::journal {

namespace {

/// Process-wide settings; they count only if this is the first use of SQLite in the process.
void prepare_library() {
  static std::once_flag once;
  std::call_once(once, [] { sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); });
}

errc errc_of(int code, int system) {
  switch (code & 0xff) {
    case SQLITE_READONLY:
      return errc::store_read_only;
    case SQLITE_FULL:
      return errc::disk_full;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return errc::store_locked;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
      return errc::store_corrupt;
    case SQLITE_CONSTRAINT:
      return errc::store_corrupt; // rows that cannot be there
    default:
      break;
  }
  const bool is_full = system == ENOSPC || system == EDQUOT || system == EFBIG;
  if (code == SQLITE_IOERR_SHMSIZE && is_full) // the file of the log's index
    return errc::disk_full;
  return system == EROFS ? errc::store_read_only : errc::io_error;
}

/// What the system said, of an error that SQLite only calls an error of input or output, or a full
/// disk (which may be a quota, or a limit of the file's size).
int system_errno(sqlite3* db, int code) {
  const int kind = code & 0xff;
  if (db == nullptr || (kind != SQLITE_IOERR && kind != SQLITE_CANTOPEN && kind != SQLITE_FULL))
    return 0;
  const int known = kind == SQLITE_FULL ? 0 : sqlite3_system_errno(db); // not of one at COMMIT
  return known != 0 ? known : last_errno_of(db);
}

std::string_view advice(errc code, int system = 0) {
  if (system == EACCES || system == EPERM)
    return "let this user read and write it (chown, chmod), or run as the user whose it is";
  switch (code) {
    case errc::disk_full:
      return "free some space";
    case errc::store_locked:
      return "close the other program that uses journal.db";
    case errc::store_corrupt:
      return "keep a copy of the whole directory, then restore a backup or run 'skein "
             "journal repair'";
    case errc::store_read_only:
      return "look in the kernel's log for why the file system is read-only, and mount it anew";
    default:
      return "look at the disk and the kernel's log";
  }
}

} // namespace

error sqlite_error(sqlite3* db, int code, std::string_view doing) {
  const int system = system_errno(db, code);
  const errc meaning = errc_of(code, system);
  std::string detail{doing};
  detail += ": ";
  detail += db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(code);
  if (system != 0)
    detail += ", " + std::generic_category().message(system);
  detail += " (SQLite ";
  detail += std::to_string(code);
  detail += "); ";
  detail += advice(meaning, system);
  return {meaning, std::move(detail)};
}

// A failed bind means a wrong column number or no memory: never the data's fault.

statement& statement::bind(int at, std::int64_t value) {
  SKEIN_CHECK(sqlite3_bind_int64(raw_.get(), at, value) == SQLITE_OK);
  return *this;
}

statement& statement::bind(int at, instant value) {
  return value == no_instant ? bind_null(at) : bind(at, to_ns(value));
}

statement& statement::bind_text(int at, std::string_view value) {
  const char* bytes = value.data() == nullptr ? "" : value.data();
  SKEIN_CHECK(sqlite3_bind_text(raw_.get(), at, bytes, static_cast<int>(value.size()), nullptr) ==
              SQLITE_OK);
  return *this;
}

statement& statement::bind_blob(int at, std::string_view value) {
  const char* bytes = value.data() == nullptr ? "" : value.data();
  SKEIN_CHECK(sqlite3_bind_blob(raw_.get(), at, bytes, static_cast<int>(value.size()), nullptr) ==
              SQLITE_OK);
  return *this;
}

statement& statement::bind_null(int at) {
  SKEIN_CHECK(sqlite3_bind_null(raw_.get(), at) == SQLITE_OK);
  return *this;
}

int statement::run() {
  const int code = step();
  reset();
  SKEIN_CHECK(code != SQLITE_ROW);
  return code;
}

std::string_view statement::text(int column) {
  const unsigned char* bytes = sqlite3_column_text(raw_.get(), column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(raw_.get(), column));
  return {reinterpret_cast<const char*>(bytes), size};
}

std::string_view statement::blob(int column) {
  const void* bytes = sqlite3_column_blob(raw_.get(), column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(raw_.get(), column));
  return {static_cast<const char*>(bytes), size};
}

result<database> database::open(const std::string& path, const how& mode) {
  prepare_library();
  // SQLite would remove the log of an empty file, and with it all that is left of a store.
  std::error_code absent;
  if (!mode.write && mode.vfs.empty() && std::filesystem::file_size(path, absent) == 0)
    return error{errc::store_corrupt,
                 path + " is empty; " + std::string{advice(errc::store_corrupt)}};
  const int flags = SQLITE_OPEN_NOMUTEX | (mode.write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                                                      : SQLITE_OPEN_READONLY);
  sqlite3* raw = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &raw, flags, mode.vfs.empty() ? nullptr : mode.vfs.c_str());
  database opened;
  opened.raw_.reset(raw);
  if (code != SQLITE_OK)
    return sqlite_error(raw, code, "opening " + path);
  sqlite3_extended_result_codes(raw, 1);
  sqlite3_busy_timeout(
      raw, static_cast<int>(std::chrono::milliseconds{limits::journal_busy_timeout}.count()));
  return opened;
}

result<void> database::run(const std::string& sql) {
  const int code = sqlite3_exec(raw_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK)
    return sqlite_error(raw_.get(), code, "'" + sql.substr(0, 60) + "'");
  return {};
}

result<statement> database::prepare(std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v3(raw_.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  if (code != SQLITE_OK)
    return sqlite_error(raw_.get(), code, "preparing '" + std::string{sql.substr(0, 60)} + "'");
  statement prepared;
  prepared.raw_.reset(raw);
  return prepared;
}

result<void>
database::prepare_all(std::initializer_list<std::pair<statement*, std::string_view>> all) {
  for (const auto& [which, sql] : all) {
    auto prepared = prepare(sql);
    if (!prepared)
      return prepared.error();
    *which = std::move(*prepared);
  }
  return {};
}

result<std::int64_t> database::number(std::string_view sql, std::int64_t otherwise) {
  auto query = prepare(sql);
  if (!query)
    return query.error();
  const int code = query->step();
  if (code == SQLITE_ROW)
    return query->is_null(0) ? otherwise : query->integer(0);
  if (code != SQLITE_DONE)
    return sqlite_error(raw_.get(), code, "reading the store");
  return otherwise;
}

} // namespace skein::journal
