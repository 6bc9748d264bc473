#include "journal/postgres/pg_values.hpp"

#include "journal/byte_words.hpp"

#include <bit>

namespace skein::journal {

namespace {

/// Dimensions, whether there are NULLs, the element's type, elements, where they begin to count.
constexpr std::size_t array_head_bytes = 20;

pg_type array_of(pg_type element) {
  switch (element) {
    case pg_type::boolean:
      return pg_type::boolean_array;
    case pg_type::bytea:
      return pg_type::bytea_array;
    case pg_type::int2:
      return pg_type::int2_array;
    case pg_type::int4:
      return pg_type::int4_array;
    case pg_type::int8:
      return pg_type::int8_array;
    case pg_type::text:
      return pg_type::text_array;
    case pg_type::xid8:
      return pg_type::xid8_array;
    default:
      SKEIN_CHECK(false);
      return element;
  }
}

} // namespace

pg_array::pg_array(pg_type element) : element_{element}, array_{array_of(element)} { clear(); }

void pg_array::clear() {
  bytes_.assign(array_head_bytes, '\0');
  count_ = 0;
  has_null_ = false;
}

void pg_array::reserve(std::size_t elements, std::size_t bytes_each) {
  bytes_.reserve(array_head_bytes + elements * (bytes_each + 4));
}

void pg_array::add_number(std::uint64_t value, int bytes) {
  char out[12] = {0, 0, 0, static_cast<char>(bytes)};
  for (int i = 0; i < bytes; ++i)
    out[4 + i] = static_cast<char>(value >> (8 * (bytes - 1 - i)));
  bytes_.append(out, static_cast<std::size_t>(4 + bytes));
  ++count_;
}

void pg_array::add_bytes(std::string_view value) {
  append_number(bytes_, value.size(), 4);
  bytes_ += value;
  ++count_;
}

void pg_array::add_null() {
  append_number(bytes_, 0xffffffff, 4);
  has_null_ = true;
  ++count_;
}

std::string_view pg_array::bytes() {
  std::string head;
  append_number(head, count_ == 0 ? 0 : 1, 4);
  append_number(head, has_null_ ? 1 : 0, 4);
  append_number(head, static_cast<unsigned>(element_), 4);
  append_number(head, count_, 4);
  append_number(head, 1, 4);
  bytes_.replace(0, array_head_bytes, head);
  return count_ == 0 ? std::string_view{bytes_}.substr(0, 12) : std::string_view{bytes_};
}

pg_params& pg_params::add(pg_type type, std::string_view value) {
  all_.push_back({type, value.data() == nullptr ? std::string_view{""} : value, {}, false});
  return *this;
}

pg_params& pg_params::number(pg_type type, std::int64_t value, int bytes) {
  param made{type, {}, {}, true};
  append_number(made.own, static_cast<std::uint64_t>(value), bytes);
  all_.push_back(std::move(made));
  return *this;
}

pg_params::view pg_params::for_libpq() const {
  view made;
  for (const param& each : all_) {
    const std::string_view bytes = each.is_own ? std::string_view{each.own} : each.bytes;
    made.types.push_back(static_cast<Oid>(each.type));
    made.values.push_back(bytes.data());
    made.lengths.push_back(static_cast<int>(bytes.size()));
    made.formats.push_back(1);
  }
  return made;
}

std::string_view pg_rows::bytes(int row, int column) const {
  return {PQgetvalue(raw_.get(), row, column),
          static_cast<std::size_t>(PQgetlength(raw_.get(), row, column))};
}

std::int64_t pg_rows::integer(int row, int column) const {
  const std::string_view value = bytes(row, column);
  const std::uint64_t number = read_number(value, value.size());
  switch (value.size()) {
    case 2:
      return static_cast<std::int16_t>(number);
    case 4:
      return static_cast<std::int32_t>(number);
    default:
      return static_cast<std::int64_t>(number);
  }
}

bool pg_rows::boolean(int row, int column) const { return integer(row, column) != 0; }

std::vector<std::int64_t> pg_rows::integers(int row, int column) const {
  std::string_view value = bytes(row, column);
  std::vector<std::int64_t> all;
  if (value.size() < array_head_bytes)
    return all;
  for (value.remove_prefix(array_head_bytes); value.size() >= 12; value.remove_prefix(12))
    all.push_back(static_cast<std::int64_t>(read_word(value.substr(4))));
  return all;
}

} // namespace skein::journal
