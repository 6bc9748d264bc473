#include "journal/postgres/pg_saved_pending.hpp"

#include "journal/crc32c.hpp"
#include "journal/postgres/pg_saved.hpp"

#include <algorithm>

namespace skein::journal {

namespace {

// Of all shards: which one an event has is in its row alone.
const pg_statement saved_of_range{"saved_of_range",
                                  "SELECT shard, crc, marks FROM pending_range WHERE range = $1"};
const pg_statement ended_of{"ended_of", "SELECT id FROM outcome WHERE shard = $1 AND id >= $2 * 16 "
                                        "AND id < $2 * 16 + 16"};
const pg_statement accepted_after{"accepted_after",
                                  "SELECT 1 FROM commits WHERE xid > (SELECT min(upto) FROM saved) "
                                  "AND NOT void AND first <= $1 AND first + events > $1 LIMIT 1"};

} // namespace

result<std::optional<pending_mark>> pg_saved_pending::mark_of(std::uint64_t sequence) {
  pg_params which;
  which.int8(sequence / range_events_);
  const auto rows = db_.execute(saved_of_range, which);
  if (!rows)
    return rows.error();
  bool any_damaged = false;
  for (int row = 0; row < rows->size(); ++row) {
    const std::string_view bytes = rows->bytes(row, 2);
    const auto marks = unpack_shard_marks(bytes, range_events_, routes_);
    if (!marks || static_cast<std::int32_t>(crc32c(bytes)) != rows->integer(row, 1)) {
      any_damaged = true;
      continue;
    }
    const std::uint64_t slot = sequence % range_events_;
    const auto at = std::find_if(marks->begin(), marks->end(),
                                 [slot](const placed_mark& each) { return each.slot == slot; });
    if (at == marks->end())
      continue;
    const auto left = without_ended(at->mark, sequence);
    return left ? result<std::optional<pending_mark>>{*left} : left.error();
  }
  const auto unsaved = any_damaged ? result<bool>{true} : may_be_unsaved(sequence);
  if (!unsaved)
    return unsaved.error();
  return *unsaved ? std::optional<pending_mark>{} : std::optional{pending_mark{}};
}

result<pending_mark> pg_saved_pending::without_ended(pending_mark mark, std::uint64_t sequence) {
  pg_params which;
  which.int4(mark.shard).int8(sequence);
  const auto rows = db_.execute(ended_of, which);
  if (!rows)
    return rows.error();
  for (int row = 0; row < rows->size(); ++row)
    mark.live = static_cast<std::uint16_t>(mark.live & ~(1u << rows->natural(row, 0) % 16));
  return mark;
}

/// Accepted by a commit that what was saved does not have yet. Else the event is over, or none.
result<bool> pg_saved_pending::may_be_unsaved(std::uint64_t sequence) {
  pg_params which;
  which.int8(sequence);
  const auto rows = db_.execute(accepted_after, which);
  return rows ? result<bool>{!rows->empty()} : rows.error();
}

result<std::optional<delivery_list>> pg_saved_pending::deliveries_of(const pending_mark& mark) {
  const delivery_list* found = routes_.find(mark.route());
  return found == nullptr ? std::optional<delivery_list>{} : std::optional{*found};
}

} // namespace skein::journal
