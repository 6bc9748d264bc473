#include "journal/btree_page.hpp"

#include "journal/byte_words.hpp"

#include <algorithm>

namespace skein::journal {

namespace {

constexpr std::size_t file_header_bytes = 100;
constexpr std::uint64_t record_bytes_max = 64u << 20;

/// SQLite's: big-endian, 9 bytes at most.
std::optional<std::uint64_t> take_big_varint(std::string_view& bytes) {
  std::uint64_t value = 0;
  for (int i = 0; i < 9; ++i) {
    if (bytes.empty())
      return std::nullopt;
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    if (i == 8)
      return value << 8 | byte;
    value = value << 7 | (byte & 0x7f);
    if (byte < 0x80)
      return value;
  }
  return value;
}

/// How much of a record lies in its cell (SQLite's file format, "cell payload overflow").
std::size_t local_bytes(std::uint64_t size, std::size_t page, bool is_table) {
  const std::size_t most = is_table ? page - 35 : (page - 12) * 64 / 255 - 23;
  if (size <= most)
    return static_cast<std::size_t>(size);
  const std::size_t least = (page - 12) * 32 / 255 - 23;
  const std::size_t fit = least + static_cast<std::size_t>((size - least) % (page - 4));
  return fit <= most ? fit : least;
}

bool is_inner(page_kind kind) {
  return kind == page_kind::table_inner || kind == page_kind::index_inner;
}
bool is_table(page_kind kind) {
  return kind == page_kind::table_inner || kind == page_kind::table_leaf;
}

bool read_cell(std::string_view page, std::size_t at, page_kind kind, cell_place& cell) {
  std::string_view rest = page.substr(at);
  if (is_inner(kind)) {
    if (rest.size() < 4)
      return false;
    cell.child = static_cast<std::uint32_t>(read_number(rest, 4));
    rest.remove_prefix(4);
  }
  if (kind != page_kind::table_inner) {
    const auto size = take_big_varint(rest);
    if (!size || *size > record_bytes_max)
      return false;
    cell.size = *size;
  }
  if (is_table(kind)) {
    const auto row = take_big_varint(rest);
    if (!row)
      return false;
    cell.row = static_cast<std::int64_t>(*row);
  }
  if (kind == page_kind::table_inner)
    return true;
  const std::size_t local = local_bytes(cell.size, page.size(), is_table(kind));
  const bool overflows = local < cell.size;
  if (rest.size() < local + (overflows ? 4 : 0))
    return false;
  cell.local = rest.substr(0, local);
  if (overflows)
    cell.more = static_cast<std::uint32_t>(read_number(rest.substr(local), 4));
  return true;
}

stored_value value_of(std::uint64_t type, std::string_view bytes) {
  using kind = stored_value::type;
  constexpr std::uint64_t first_text = 12;
  if (type == 0)
    return {};
  if (type == 8 || type == 9)
    return {kind::integer, static_cast<std::int64_t>(type - 8), {}};
  if (type >= first_text)
    return {(type & 1) != 0 ? kind::text : kind::blob, 0, bytes};
  if (type == 7)
    return {kind::real, 0, bytes};
  std::uint64_t number = read_number(bytes, bytes.size());
  const unsigned unused = 64 - 8 * static_cast<unsigned>(bytes.size());
  return {kind::integer, static_cast<std::int64_t>(number << unused) >> unused, {}};
}

std::optional<std::uint64_t> bytes_of(std::uint64_t type) {
  constexpr std::size_t fixed[] = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0};
  if (type < std::size(fixed))
    return fixed[type];
  return type < 12 ? std::nullopt : std::optional{(type - 12) / 2};
}

} // namespace

page_kind kind_of(std::string_view page, std::uint32_t number) {
  const std::size_t at = number == 1 ? file_header_bytes : 0;
  if (page.size() <= at + 12)
    return page_kind::none;
  switch (static_cast<unsigned char>(page[at])) {
    case 2:
      return page_kind::index_inner;
    case 5:
      return page_kind::table_inner;
    case 10:
      return page_kind::index_leaf;
    case 13:
      return page_kind::table_leaf;
    default:
      return page_kind::none;
  }
}

page_cells cells_of(std::string_view page, std::uint32_t number) {
  page_cells found;
  found.kind = kind_of(page, number);
  if (found.kind == page_kind::none)
    return found;
  const std::size_t header = number == 1 ? file_header_bytes : 0;
  const std::string_view head = page.substr(header);
  const std::size_t count = read_number(head.substr(3), 2);
  const std::size_t pointers = header + (is_inner(found.kind) ? 12 : 8);
  if (is_inner(found.kind))
    found.right = static_cast<std::uint32_t>(read_number(head.substr(8), 4));
  found.whole = pointers + 2 * count <= page.size();
  for (std::size_t i = 0; i < count && pointers + 2 * i + 2 <= page.size(); ++i) {
    const std::size_t at = read_number(page.substr(pointers + 2 * i), 2);
    cell_place cell;
    if (at >= pointers && at < page.size() && read_cell(page, at, found.kind, cell))
      found.cells.push_back(cell);
    else
      found.whole = false;
  }
  return found;
}

std::uint32_t child_of_row(std::string_view page, std::uint32_t number, std::int64_t row) {
  if (kind_of(page, number) != page_kind::table_inner)
    return 0;
  const std::size_t header = number == 1 ? file_header_bytes : 0;
  const std::string_view head = page.substr(header);
  const std::size_t pointers = header + 12;
  std::uint32_t child = static_cast<std::uint32_t>(read_number(head.substr(8), 4));
  std::size_t from = 0;
  std::size_t to =
      std::min<std::size_t>(read_number(head.substr(3), 2), (page.size() - pointers) / 2);
  while (from < to) { // the first cell whose row is not lower
    const std::size_t middle = from + (to - from) / 2;
    const std::size_t at = read_number(page.substr(pointers + 2 * middle), 2);
    cell_place cell;
    if (at < pointers || at >= page.size() || !read_cell(page, at, page_kind::table_inner, cell))
      return 0;
    if (cell.row < row) {
      from = middle + 1;
    } else {
      to = middle;
      child = cell.child;
    }
  }
  return child;
}

std::optional<std::string> record_of(const cell_place& cell, page_source& pages) {
  std::string record{cell.local};
  std::uint32_t next = cell.more;
  while (record.size() < cell.size) {
    const std::string_view page = pages.read(next);
    if (page.size() < 5)
      return std::nullopt;
    next = static_cast<std::uint32_t>(read_number(page, 4));
    const std::size_t wanted = static_cast<std::size_t>(cell.size) - record.size();
    record.append(page.substr(4, wanted));
  }
  return record;
}

std::optional<std::vector<stored_value>> values_of(std::string_view record) {
  std::string_view head = record;
  const auto head_bytes = take_big_varint(head);
  if (!head_bytes || *head_bytes > record.size() || *head_bytes < record.size() - head.size())
    return std::nullopt;
  std::string_view body = record.substr(static_cast<std::size_t>(*head_bytes));
  head = head.substr(0, static_cast<std::size_t>(*head_bytes) - (record.size() - head.size()));
  std::vector<stored_value> values;
  while (!head.empty()) {
    const auto type = take_big_varint(head);
    const auto size = type ? bytes_of(*type) : std::nullopt;
    if (!size || *size > body.size())
      return std::nullopt;
    values.push_back(value_of(*type, body.substr(0, static_cast<std::size_t>(*size))));
    body.remove_prefix(static_cast<std::size_t>(*size));
  }
  return values;
}

} // namespace skein::journal
