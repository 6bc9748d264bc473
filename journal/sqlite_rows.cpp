#include "journal/sqlite_rows.hpp"

#include "journal/sqlite_db.hpp"

#include <memory>
#include <new>

namespace skein::journal {

namespace {

/// What a connection keeps of a source for as long as it is open.
struct registration {
  std::string declaration;
  row_source* source;
};

struct table : sqlite3_vtab {
  row_source* source = nullptr;
};

struct cursor : sqlite3_vtab_cursor {
  row_source* source = nullptr;
  std::size_t row = 0;
  std::size_t end = 0;
};

cursor& of(sqlite3_vtab_cursor* raw) { return *static_cast<cursor*>(raw); }

int connect(sqlite3* db, void* registered, int, const char* const*, sqlite3_vtab** out, char**) {
  const auto* const known = static_cast<registration*>(registered);
  const int code = sqlite3_declare_vtab(db, known->declaration.c_str());
  if (code != SQLITE_OK)
    return code;
  auto* made = new (std::nothrow) table{};
  if (made == nullptr)
    return SQLITE_NOMEM;
  made->source = known->source;
  *out = made;
  return SQLITE_OK;
}

int disconnect(sqlite3_vtab* raw) {
  delete static_cast<table*>(raw);
  return SQLITE_OK;
}

/// There is one way to read it: all rows in order.
int best_index(sqlite3_vtab*, sqlite3_index_info* info) {
  info->estimatedCost = 1;
  return SQLITE_OK;
}

int open_cursor(sqlite3_vtab* raw, sqlite3_vtab_cursor** out) {
  auto* made = new (std::nothrow) cursor{};
  if (made == nullptr)
    return SQLITE_NOMEM;
  made->source = static_cast<table*>(raw)->source;
  *out = made;
  return SQLITE_OK;
}

int close_cursor(sqlite3_vtab_cursor* raw) {
  delete &of(raw);
  return SQLITE_OK;
}

int rewind(sqlite3_vtab_cursor* raw, int, const char*, int, sqlite3_value**) {
  of(raw).row = 0;
  of(raw).end = of(raw).source->rows();
  return SQLITE_OK;
}

int next(sqlite3_vtab_cursor* raw) {
  ++of(raw).row;
  return SQLITE_OK;
}

int at_end(sqlite3_vtab_cursor* raw) { return of(raw).row >= of(raw).end ? 1 : 0; }

int read_column(sqlite3_vtab_cursor* raw, sqlite3_context* to, int column) {
  of(raw).source->read(of(raw).row, column, cell{to});
  return SQLITE_OK;
}

int row_id(sqlite3_vtab_cursor* raw, sqlite3_int64* out) {
  *out = static_cast<sqlite3_int64>(of(raw).row);
  return SQLITE_OK;
}

/// No xCreate: the tables are there by their name alone and belong to no schema.
constexpr sqlite3_module module_of_rows() {
  sqlite3_module made{};
  made.xConnect = connect;
  made.xBestIndex = best_index;
  made.xDisconnect = disconnect;
  made.xOpen = open_cursor;
  made.xClose = close_cursor;
  made.xFilter = rewind;
  made.xNext = next;
  made.xEof = at_end;
  made.xColumn = read_column;
  made.xRowid = row_id;
  return made;
}
constexpr sqlite3_module module_rows = module_of_rows();

void forget(void* registered) { delete static_cast<registration*>(registered); }

} // namespace

void cell::integer(std::int64_t value) { sqlite3_result_int64(to_, value); }

void cell::time(instant value) {
  if (value != no_instant)
    sqlite3_result_int64(to_, to_ns(value));
}

void cell::text(std::string_view value) {
  const char* bytes = value.data() == nullptr ? "" : value.data();
  sqlite3_result_text(to_, bytes, static_cast<int>(value.size()), nullptr);
}

void cell::blob(std::string_view value) {
  const char* bytes = value.data() == nullptr ? "" : value.data();
  sqlite3_result_blob(to_, bytes, static_cast<int>(value.size()), nullptr);
}

result<void> add_row_source(sqlite3* db, const std::string& name, const std::string& columns,
                            row_source& source) {
  auto known =
      std::make_unique<registration>(registration{"CREATE TABLE rows(" + columns + ")", &source});
  const int code =
      sqlite3_create_module_v2(db, name.c_str(), &module_rows, known.release(), forget);
  if (code != SQLITE_OK) // SQLite has called `forget`
    return sqlite_error(db, code, "adding " + name);
  return {};
}

} // namespace skein::journal
