// Checksums of the small tables, in SQL: `meta` has one over its rows, in the row 'crc'; each row
// of `agent`, `fence` and `start` has its own. The row 'high_water' of `meta` is not covered: a
// person may set it.
#pragma once

#include "journal/sqlite_db.hpp"

#include <string_view>

namespace skein::journal {

/// The schema's step that made them.
inline constexpr std::int64_t version_with_ranges = 4;

/// `row_crc(...)` for statements of this connection: CRC-32C over its arguments, integers and
/// texts.
result<void> add_row_crc(database& db);

/// Whether the checksum of `meta` covers this row.
bool is_sealed_in_meta(std::string_view name);

/// To be called in the transaction that changed `meta`.
result<void> seal_meta(database& db);
/// Of rows from before there were checksums: once, with the schema's step.
result<void> seal_small_tables(database& db);
/// store_corrupt names a table, or its row, that is not as it was written. Nothing is wrong with a
/// store from before this step.
result<void> check_small_tables(database& db);

} // namespace skein::journal
