// A row of the table `timer`, as it is written and read back: held against its checksum, and
// against the bucket it stands in.
#pragma once

#include "journal/sqlite_db.hpp"

#include <cstdint>

namespace skein::journal {

// What a query asks for, so that timer_at() can read its row.
#define SKEIN_TIMER_COLUMNS "bucket, no, kind, at, shard, crc"

struct timer_row {
  std::int64_t bucket = 0;
  std::int64_t no = 0;
  std::int64_t kind = 0; // 0 due, 1 expires
  std::int64_t at = 0;
  std::int64_t shard = 0;
};

/// Of all columns but the bucket, which may change.
std::int64_t crc_of_timer(const timer_row& row);
/// The row that a query is at, or store_corrupt: a wrong time would come late, and nobody knew.
result<timer_row> timer_at(statement& row);
/// All columns, in their order.
void bind_timer(statement& insert, const timer_row& row);

} // namespace skein::journal
