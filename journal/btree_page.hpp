// The cells of one page of a table or an index as SQLite's file format has them, and the values of
// their records. Total: any bytes give cells and values, or fewer of them.
#pragma once

#include "journal/page_source.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace skein::journal {

/// A value of a record. Texts lie in the record.
struct stored_value {
  enum class type : std::uint8_t { null, integer, real, text, blob } kind = type::null;
  std::int64_t number = 0;
  std::string_view bytes;

  bool is_null() const noexcept { return kind == type::null; }
  std::int64_t integer() const noexcept { return kind == type::integer ? number : 0; }
};

enum class page_kind : std::uint8_t { none, table_leaf, table_inner, index_leaf, index_inner };
page_kind kind_of(std::string_view page, std::uint32_t number);

struct cell_place {
  std::int64_t row = 0;    // of a table
  std::uint32_t child = 0; // of an inner page: what is smaller
  std::string_view local;  // of the record, as far as it lies here
  std::uint64_t size = 0;  // of the whole record
  std::uint32_t more = 0;  // first page of the rest; 0 = none
};

/// What can be read of its cells, in order; `right` the last child of an inner page.
struct page_cells {
  page_kind kind = page_kind::none;
  std::vector<cell_place> cells;
  std::uint32_t right = 0;
  bool whole = false; // no cell was left out
};
page_cells cells_of(std::string_view page, std::uint32_t number);

/// Of an inner page of a table: the page below it that has the row if any has; 0 = it is none.
std::uint32_t child_of_row(std::string_view page, std::uint32_t number, std::int64_t row);

/// The record of a cell, from its further pages too; empty if they cannot be read.
std::optional<std::string> record_of(const cell_place& cell, page_source& pages);
/// Empty if it is no record.
std::optional<std::vector<stored_value>> values_of(std::string_view record);

} // namespace skein::journal
