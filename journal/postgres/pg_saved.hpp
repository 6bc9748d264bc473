// The pending set in the database, a row a shard and range of numbers: written now and then, read
// by whoever takes a shard over, who then only has to look at the commits after it.
//
//   marks   varint lists of deliveries, of each how many agents and who (varints); then as in
//           pending_codec.hpp, whose route codes count these lists from 1
#pragma once

#include "journal/ledgers.hpp"
#include "journal/postgres/pg_connection.hpp"
#include "journal/store_state.hpp"

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace skein::journal {

/// Of one shard and range.
std::string pack_shard_marks(const placed_marks& marks, const route_book& routes);
/// The same with the codes of this book; empty for what was not written here.
std::optional<placed_marks> unpack_shard_marks(std::string_view bytes, std::uint64_t range_events,
                                               route_book& routes);

class pg_window;

class pg_saved {
 public:
  /// Writes what has changed since the last time. The state is that after commit `xid`. One
  /// transaction, which is undone if one of the shards is another's: then the error is `fenced`.
  result<void> save(pg_connection& db, std::string_view owner, store_state& state,
                    const pg_window& window, const std::map<shard_id, epoch_no>& held,
                    std::uint64_t xid);
  /// This row lies in the database, as it was read.
  void note(shard_id shard, std::uint64_t range, std::uint32_t crc) { rows_[{shard, range}] = crc; }
  /// What lies in the database of these shards need not be what was written.
  void forget(std::span<const shard_id> shards);

 private:
  using place = std::pair<shard_id, std::uint64_t>; // and range
  std::map<place, std::uint32_t> rows_;             // CRC of what was written
};

} // namespace skein::journal
