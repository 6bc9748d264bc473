// A connection and its prepared statements, owned; SQLite's codes as our errors. Private to the
// engine.
#pragma once

#include "protocol/result.hpp"
#include "protocol/time.hpp"

#include <sqlite3.h>

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace skein::journal {

/// What the code means to whoever runs the store; `doing` starts the sentence ("writing a commit").
error sqlite_error(sqlite3* db, int code, std::string_view doing);

/// Whether an error of reading says that rows are damaged, or that the disk does not give them.
constexpr bool is_unreadable(errc code) noexcept {
  return code == errc::store_corrupt || code == errc::io_error;
}

/// Bound bytes are not copied: they must stay until the next reset().
class statement {
 public:
  statement() = default;

  statement& bind(int at, std::int64_t value);
  statement& bind(int at, std::uint64_t value) {
    return bind(at, static_cast<std::int64_t>(value));
  }
  /// no_instant is NULL.
  statement& bind(int at, instant value);
  statement& bind_text(int at, std::string_view value);
  statement& bind_blob(int at, std::string_view value);
  statement& bind_null(int at);

  /// SQLITE_ROW, SQLITE_DONE or an error.
  int step() { return sqlite3_step(raw_.get()); }
  void reset() { sqlite3_reset(raw_.get()); }
  /// One step that gives no row, then reset: SQLITE_DONE or an error.
  int run();

  bool is_null(int column) { return sqlite3_column_type(raw_.get(), column) == SQLITE_NULL; }
  std::int64_t integer(int column) { return sqlite3_column_int64(raw_.get(), column); }
  std::uint64_t natural(int column) { return static_cast<std::uint64_t>(integer(column)); }
  instant time(int column) { return from_ns(integer(column)); }
  /// Valid until the next step or reset.
  std::string_view text(int column);
  std::string_view blob(int column);

  sqlite3* db() const { return sqlite3_db_handle(raw_.get()); }
  explicit operator bool() const noexcept { return raw_ != nullptr; }

 private:
  friend class database;
  struct finalize {
    void operator()(sqlite3_stmt* raw) const { sqlite3_finalize(raw); }
  };
  std::unique_ptr<sqlite3_stmt, finalize> raw_;
};

/// Resets a statement when a scope is left, which ends its read.
class reset_at_end {
 public:
  explicit reset_at_end(statement& which) : which_{which} {}
  ~reset_at_end() { which_.reset(); }
  reset_at_end(const reset_at_end&) = delete;
  reset_at_end& operator=(const reset_at_end&) = delete;

 private:
  statement& which_;
};

class database {
 public:
  database() = default;

  struct how {
    bool write = false; // and create
    std::string vfs;    // empty = the system's
  };
  static result<database> open(const std::string& path, const how& mode);

  result<void> run(const std::string& sql);
  result<statement> prepare(std::string_view sql);
  /// Each from its text; the first that fails ends it.
  result<void> prepare_all(std::initializer_list<std::pair<statement*, std::string_view>> all);
  /// The first column of the first row; `otherwise` if there is no row or it is NULL.
  result<std::int64_t> number(std::string_view sql, std::int64_t otherwise = 0);

  sqlite3* raw() const noexcept { return raw_.get(); }
  explicit operator bool() const noexcept { return raw_ != nullptr; }

 private:
  struct close {
    void operator()(sqlite3* raw) const { sqlite3_close_v2(raw); }
  };
  std::unique_ptr<sqlite3, close> raw_;
};

} // namespace skein::journal
