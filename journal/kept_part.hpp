// Where what a store keeps begins: retention drops the oldest commits and the events that were over
// by then.
//
//   commits   those before `first_commit` are gone; the chain begins there, after the digest
//   `before` events    those below `swept_to` are gone, but for the pending, the dead, and those in
//   the
//             table `late`; swept_to <= first_event, so that a kept commit has all of its events
//   outcomes  no outcome of a kept commit is gone: what ended since that commit stays
#pragma once

#include "journal/ledgers.hpp"
#include "journal/sqlite_db.hpp"
#include "protocol/ids.hpp"

#include <optional>
#include <string_view>

namespace skein::journal {

struct kept_part {
  commit_no first_commit{1};
  hash128 before;
  std::uint64_t first_event = 1; // of that commit, or of the next one if it has none
  std::uint64_t swept_to = 1;
  ledgers dropped; // events and deliveries that are gone, by how they ended

  /// As a row of the table says it; empty if its checksum does not hold.
  static std::optional<kept_part> of_row(std::uint64_t first_commit, std::string_view before,
                                         std::uint64_t first_event, std::uint64_t swept_to,
                                         std::string_view dropped, std::int64_t crc);
  /// The whole of it if nothing was dropped. store_corrupt if its row is damaged.
  static result<kept_part> of(database& db);
  /// In the transaction that drops.
  result<void> save(database& db) const;
};

} // namespace skein::journal
