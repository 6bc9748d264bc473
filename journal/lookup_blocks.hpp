// The index of look-ups, as numbers and bytes: no SQL, no threads.
//
// Events are found by a 64-bit hash of their key or of their id. The hashes of a closed range lie
// in blocks: its top bits choose the block, so that nothing is sorted but the few hundred entries
// of one block.
//
//   hash    block (10 bits in a range of 262,144) | remainder (24) | not kept
//   block   groups, by remainder: remainder (3 bytes, big-endian), varint of 2 * slot + more;
//           if more: varint of the bytes that follow, varints of the steps to the next slots
//
// A slot is an event's place in its range. What an index names may have another key or id, as
// hashes collide: it is a candidate until its row was read.
#pragma once

#include "protocol/event.hpp"
#include "protocol/limits.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace skein::journal {

enum class lookup_kind : std::uint8_t { key = 0, id = 1 };

/// Keyed with the store's seed: who does not know it cannot make events that collide. Never 0,
/// which stands for no event.
std::uint64_t lookup_hash(std::string_view text, const hash_settings& hash) noexcept;

/// Which numbers a range has, and which blocks.
struct lookup_layout {
  std::uint64_t range_events = limits::range_events; // a power of two

  static constexpr int remainder_bits = 24;

  std::uint64_t range_of(std::uint64_t sequence) const noexcept { return sequence / range_events; }
  std::uint64_t first_of(std::uint64_t range) const noexcept { return range * range_events; }
  std::uint32_t slot_of(std::uint64_t sequence) const noexcept {
    return static_cast<std::uint32_t>(sequence % range_events);
  }
  /// Of each kind; a power of two.
  std::uint32_t blocks() const noexcept;
  std::uint32_t block_of(std::uint64_t hash) const noexcept;
  std::uint32_t remainder_of(std::uint64_t hash) const noexcept;
  /// Of the table `lookup`.
  std::int64_t row_of(std::uint64_t range, lookup_kind kind, std::uint32_t block) const noexcept;
};

struct lookup_entry {
  std::uint32_t remainder = 0;
  std::uint32_t slot = 0;
  friend auto operator<=>(const lookup_entry&, const lookup_entry&) = default;
};

/// Sorts the entries, and replaces `into`.
void write_block(std::vector<lookup_entry>& entries, std::string& into);

/// Appends the slots with this remainder, in order. False if the bytes are no block.
bool find_in_block(std::string_view block, std::uint32_t remainder,
                   std::vector<std::uint32_t>& slots);

/// Appends the remainders that it has, in order. False if the bytes are no block.
bool remainders_in_block(std::string_view block, std::vector<std::uint32_t>& remainders);

/// Of a block of a range or of a summary.
std::uint32_t block_crc(std::int64_t row, std::string_view entries) noexcept;

} // namespace skein::journal
