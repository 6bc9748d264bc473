// The pending events of one range as bytes, one to two an event, for the table of saved ranges.
//
//   width (1): bytes of a shard, 1 or 2
//   then of each 512 sequences that hold events, numbers as varints:
//     how many such chunks were left out, how many events
//     places       64 or more: a bit a sequence (64 bytes); fewer: each the step from the one
//     before kinds        how many pairs of (live, tag) there are, and each of them; if more than
//     one:
//                  of each event which one, 1 byte, or 2 if there are more than 256
//     shards       of each event, `width` bytes, big-endian
//
// Reading is total: bytes that were not written here give nothing.
#pragma once

#include "journal/pending_set.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace skein::journal {

std::string pack_marks(const placed_marks& marks);
/// Slots are below `range_events`.
std::optional<placed_marks> unpack_marks(std::string_view bytes, std::uint64_t range_events);

} // namespace skein::journal
