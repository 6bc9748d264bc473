// Values on their way to the server and back, in PostgreSQL's binary form: big-endian numbers,
// bytes behind their length. A batch of rows is one array a column.
#pragma once

#include "protocol/check.hpp"
#include "protocol/time.hpp"

#include <libpq-fe.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace skein::journal {

/// Types of the server that we use, by their fixed numbers.
enum class pg_type : unsigned {
  boolean = 16,
  bytea = 17,
  int8 = 20,
  int2 = 21,
  int4 = 23,
  text = 25,
  xid8 = 5069,
  boolean_array = 1000,
  bytea_array = 1001,
  int2_array = 1005,
  int4_array = 1007,
  text_array = 1009,
  int8_array = 1016,
  xid8_array = 271,
};

/// A column of a batch. Elements may be NULL.
class pg_array {
 public:
  explicit pg_array(pg_type element);
  void clear();
  void reserve(std::size_t elements, std::size_t bytes_each);
  void add_int2(std::int64_t value) { add_number(static_cast<std::uint64_t>(value), 2); }
  void add_int4(std::int64_t value) { add_number(static_cast<std::uint64_t>(value), 4); }
  void add_int8(std::int64_t value) { add_number(static_cast<std::uint64_t>(value), 8); }
  void add_int8(std::uint64_t value) { add_number(value, 8); }
  void add_bool(bool value) { add_number(value ? 1 : 0, 1); }
  void add_bytes(std::string_view value);
  void add_null();
  /// no_instant is NULL.
  void add_time(instant value) { value == no_instant ? add_null() : add_int8(to_ns(value)); }
  std::size_t size() const noexcept { return count_; }
  bool empty() const noexcept { return count_ == 0; }
  pg_type type() const noexcept { return array_; }
  /// Valid until the next change.
  std::string_view bytes();

 private:
  void add_number(std::uint64_t value, int bytes);

  pg_type element_;
  pg_type array_;
  std::uint32_t count_ = 0;
  bool has_null_ = false;
  std::string bytes_;
};

/// The parameters of a statement, in order. Arrays and texts are not copied: they must stay until
/// it was sent.
class pg_params {
 public:
  pg_params& int2(std::int64_t value) { return number(pg_type::int2, value, 2); }
  pg_params& int4(std::int64_t value) { return number(pg_type::int4, value, 4); }
  pg_params& int8(std::int64_t value) { return number(pg_type::int8, value, 8); }
  pg_params& int8(std::uint64_t value) { return int8(static_cast<std::int64_t>(value)); }
  pg_params& xid(std::uint64_t value) {
    return number(pg_type::xid8, static_cast<std::int64_t>(value), 8);
  }
  pg_params& boolean(bool value) { return number(pg_type::boolean, value ? 1 : 0, 1); }
  pg_params& text(std::string_view value) { return add(pg_type::text, value); }
  pg_params& bytes(std::string_view value) { return add(pg_type::bytea, value); }
  pg_params& array(pg_array& values) { return add(values.type(), values.bytes()); }

  /// What libpq wants to see of them.
  struct view {
    std::vector<Oid> types;
    std::vector<const char*> values;
    std::vector<int> lengths;
    std::vector<int> formats;
    int count() const noexcept { return static_cast<int>(types.size()); }
  };
  view for_libpq() const;

 private:
  pg_params& add(pg_type type, std::string_view value);
  pg_params& number(pg_type type, std::int64_t value, int bytes);

  struct param {
    pg_type type;
    std::string_view bytes; // if it is not `own`
    std::string own;        // a number
    bool is_own = false;
  };
  std::vector<param> all_;
};

/// Rows that came back, in binary form.
class pg_rows {
 public:
  pg_rows() = default;
  explicit pg_rows(PGresult* raw) : raw_{raw} {}

  int size() const { return raw_ ? PQntuples(raw_.get()) : 0; }
  bool empty() const { return size() == 0; }
  bool is_null(int row, int column) const { return PQgetisnull(raw_.get(), row, column) != 0; }
  /// Of 2, 4 or 8 bytes; 0 if it is NULL.
  std::int64_t integer(int row, int column) const;
  std::uint64_t natural(int row, int column) const {
    return static_cast<std::uint64_t>(integer(row, column));
  }
  bool boolean(int row, int column) const;
  instant time(int row, int column) const { return from_ns(integer(row, column)); }
  /// Valid as long as the rows are.
  std::string_view bytes(int row, int column) const;
  std::string text(int row, int column) const { return std::string{bytes(row, column)}; }
  /// An array of int8 without NULLs.
  std::vector<std::int64_t> integers(int row, int column) const;
  PGresult* raw() const noexcept { return raw_.get(); }

 private:
  struct clear {
    void operator()(PGresult* raw) const { PQclear(raw); }
  };
  std::unique_ptr<PGresult, clear> raw_;
};

} // namespace skein::journal
