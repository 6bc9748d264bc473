// Events with their outcomes and attempts, read back and held against their checksums.
#pragma once

#include "journal/journal.hpp"
#include "journal/postgres/pg_connection.hpp"
#include "journal/unread_pending.hpp"

#include <span>
#include <vector>

namespace skein::journal {

/// Columns of `event` for event_at(), behind "SELECT".
inline constexpr const char* event_columns_sql =
    "e.no, e.shard, e.at, e.due, e.expires, e.priority, e.deliveries, e.key, e.body, e.crc";

/// An event without what became of its deliveries. store_corrupt if it is damaged.
result<event_record> event_at(const pg_rows& rows, int row);

/// What became of the deliveries of these events: read into them.
result<void> read_ends(pg_connection& db, std::span<event_record> events);

struct read_rows {
  std::vector<pending_delivery> rows;
  std::vector<unread_event> unread; // damaged or not there, in order; they may be over
};
/// The deliveries of these events that are pending.
result<read_rows> read_pending(pg_connection& db, std::span<const std::uint64_t> sequences);

} // namespace skein::journal
