// Summaries of the index of look-ups, as numbers and bytes: which of 16 neighbouring ranges, a
// group, may have a key or an id. One block of a summary is read in the place of a block of each
// range.
//
//   hash    block (14 bits in a group of ranges of 262,144) | remainder (12) | not kept
//   block   words of 16 bits, ascending, big-endian: remainder (12), which of the ranges (4)
//
// A range's own blocks hold all the bits, so that a summary is made from them. A block of it has
// 256 entries for each 4,096 remainders: one look in 16 names a range for nothing.
#pragma once

#include "journal/lookup_blocks.hpp"

namespace skein::journal {

/// Bit i: range i of the group.
using range_mask = std::uint16_t;
inline constexpr range_mask all_ranges = 0xffff;

/// Where a hash lies in the summary of its group.
struct summary_place {
  std::uint32_t block = 0;
  std::uint16_t remainder = 0;

  /// By its place in the blocks of a range.
  static summary_place of(std::uint32_t block, std::uint32_t remainder) noexcept;
  static summary_place of(const lookup_layout& layout, std::uint64_t hash) noexcept {
    return of(layout.block_of(hash), layout.remainder_of(hash));
  }
  std::uint16_t word(std::uint64_t range) const noexcept;
};

struct summary_layout {
  lookup_layout ranges;

  static constexpr std::uint64_t group_ranges = 16;
  static std::uint64_t group_of(std::uint64_t range) noexcept { return range / group_ranges; }
  static std::uint64_t first_of(std::uint64_t group) noexcept { return group * group_ranges; }
  static range_mask bit_of(std::uint64_t range) noexcept {
    return static_cast<range_mask>(1u << range % group_ranges);
  }
  /// Of each kind.
  std::uint32_t blocks() const noexcept;
  /// Of the table `lookup_summary`.
  std::int64_t row_of(std::uint64_t group, lookup_kind kind, std::uint32_t block) const noexcept;
};

/// Sorts the words, each of them once, and replaces `into`.
void write_summary(std::vector<std::uint16_t>& words, std::string& into);

/// The ranges that may have this remainder; empty if the bytes are no block.
std::optional<range_mask> find_in_summary(std::string_view block, std::uint16_t remainder);

} // namespace skein::journal
