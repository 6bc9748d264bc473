#include "journal/timer_row.hpp"

#include "journal/byte_words.hpp"
#include "journal/checked_rows.hpp"
#include "journal/crc32c.hpp"
#include "journal/timer_buckets.hpp"

#include <algorithm>

namespace skein::journal {

std::int64_t crc_of_timer(const timer_row& row) {
  std::string bytes;
  bytes.reserve(32);
  for (const std::int64_t each : {row.no, row.kind, row.at, row.shard})
    append_word(bytes, static_cast<std::uint64_t>(each));
  return stored_crc(crc32c(bytes));
}

result<timer_row> timer_at(statement& row) {
  const timer_row found{row.integer(0), row.integer(1), row.integer(2), row.integer(3),
                        row.integer(4)};
#ifndef SKEIN_BUG_TIMER_CRC_NOT_CHECKED
  const auto places = timer_places(from_ns(found.at));
  if (row.integer(5) != crc_of_timer(found) ||
      std::find(places.begin(), places.end(), found.bucket) == places.end())
    return damaged_store("a time of event " + std::to_string(found.no) +
                         " is damaged: it does not match its checksum");
#endif
  return found;
}

void bind_timer(statement& insert, const timer_row& row) {
  insert.bind(1, row.bucket).bind(2, row.no).bind(3, row.kind).bind(4, row.at).bind(5, row.shard);
  insert.bind(6, crc_of_timer(row));
}

} // namespace skein::journal
