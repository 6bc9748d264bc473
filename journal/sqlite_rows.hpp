// Rows in memory as a table of SQLite: `INSERT INTO event SELECT * FROM new_event` writes a whole
// batch in one statement, a third faster than a bind and a step a row, and leaves nothing in the
// file.
#pragma once

#include "protocol/result.hpp"
#include "protocol/time.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_context;

namespace skein::journal {

/// One value of a row, set once.
class cell {
 public:
  explicit cell(sqlite3_context* to) : to_{to} {}
  void integer(std::int64_t value);
  void time(instant value); // no_instant is NULL
  /// The bytes must stay until the statement is over or, at least, until the next row is asked for.
  void text(std::string_view value);
  void blob(std::string_view value);
  // NULL: set nothing.

 private:
  sqlite3_context* to_;
};

class row_source {
 public:
  virtual ~row_source() = default;
  virtual std::size_t rows() const = 0;
  virtual void read(std::size_t row, int column, cell to) = 0;
};

/// `columns` as in CREATE TABLE: "no, shard, at". The source must outlive the connection.
result<void> add_row_source(sqlite3* db, const std::string& name, const std::string& columns,
                            row_source& source);

} // namespace skein::journal
