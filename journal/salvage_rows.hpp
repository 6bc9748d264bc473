// The rows of a damaged store from the values of a record: each only if its checksum holds.
#pragma once

#include "journal/btree_page.hpp"
#include "journal/record_crc.hpp"

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace skein::journal {

using row_values = std::vector<stored_value>;

// Empty if it is no such row or its checksum does not hold; rows of events and commits up to
// `old_to` are from before there were any. The last argument says of which table.
std::optional<event_columns> columns_of(const row_values& row, std::int64_t number,
                                        std::int64_t old_to, event_columns*);
std::optional<outcome_columns> columns_of(const row_values& row, std::int64_t number,
                                          std::int64_t old_to, outcome_columns*);
std::optional<commit_columns> columns_of(const row_values& row, std::int64_t number,
                                         std::int64_t old_to, commit_columns*);
std::optional<attempt_columns> attempt_of(const row_values& row, std::int64_t old_to);
bool is_state(const row_values& row, bool has_old);
bool is_agent(std::int64_t number, const row_values& row);
bool is_start(std::int64_t id, const row_values& row);

/// As `row_crc` has it: of numbers, then of a text if there is one.
std::int64_t crc_of_texts(std::initializer_list<std::int64_t> numbers,
                          std::optional<std::string_view> text);
/// The row's checksum in this column fits, or it is from before there were any.
bool is_sealed(const row_values& row, std::size_t at, std::initializer_list<std::int64_t> numbers);
/// As SQL's quote() has it.
std::string quoted(const stored_value& value);

} // namespace skein::journal
