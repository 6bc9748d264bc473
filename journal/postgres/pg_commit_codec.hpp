// The bytes in `commits`: what a takeover and the feed must know of a commit without its rows.
//
//   accepted   an event: identity (16 bytes, big-endian), content (8), varint shard, varint
//              (deliveries << 2 | expires << 1 | delayed), of each delivery its agent (varint).
//              Numbers follow on from commits.first
//   outcomes   as in SQLite's (outcome_list_writer): deliveries with their shards
//   changes    as in SQLite's: a CRC and the attempts
#pragma once

#include "journal/sqlite_codec.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace skein::journal {

struct accepted_entry {
  identity_entry known_by;
  shard_id shard{};
  delivery_list deliveries;
  bool delayed = false;
  bool expires = false;
};

void append_accepted(std::string& out, const accepted_entry& entry);
/// From the front of the bytes; empty if they are none.
std::optional<accepted_entry> take_accepted(std::string_view& bytes);

} // namespace skein::journal
