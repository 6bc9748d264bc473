#include "journal/lookup_summary.hpp"

#include "journal/byte_words.hpp"

#include <algorithm>
#include <bit>

namespace skein::journal {

namespace {

constexpr int range_bits = std::countr_zero(summary_layout::group_ranges);
constexpr int remainder_bits = 16 - range_bits;
constexpr std::size_t word_bytes = 2;

std::uint16_t word_at(std::string_view block, std::size_t index) {
  return static_cast<std::uint16_t>(read_number(block.substr(index * word_bytes), word_bytes));
}

} // namespace

/// The highest bits of what a block of a range calls the remainder choose among the 16 blocks that
/// a group has for each of a range's.
summary_place summary_place::of(std::uint32_t block, std::uint32_t remainder) noexcept {
  constexpr int left = lookup_layout::remainder_bits - range_bits;
  return {block << range_bits | remainder >> left,
          static_cast<std::uint16_t>(remainder >> (left - remainder_bits) &
                                     ((1u << remainder_bits) - 1))};
}

std::uint16_t summary_place::word(std::uint64_t range) const noexcept {
  return static_cast<std::uint16_t>(remainder << range_bits | range % summary_layout::group_ranges);
}

std::uint32_t summary_layout::blocks() const noexcept { return ranges.blocks() << range_bits; }

std::int64_t summary_layout::row_of(std::uint64_t group, lookup_kind kind,
                                    std::uint32_t block) const noexcept {
  return static_cast<std::int64_t>((group * 2 + static_cast<std::uint64_t>(kind)) * blocks() +
                                   block);
}

void write_summary(std::vector<std::uint16_t>& words, std::string& into) {
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
  into.clear();
  for (const std::uint16_t each : words)
    append_number(into, each, word_bytes);
}

std::optional<range_mask> find_in_summary(std::string_view block, std::uint16_t remainder) {
  if (block.size() % word_bytes != 0)
    return std::nullopt;
  const std::uint16_t first = summary_place{0, remainder}.word(0);
  std::size_t low = 0;
  const std::size_t words = block.size() / word_bytes;
  for (std::size_t high = words; low < high;) {
    const std::size_t middle = low + (high - low) / 2;
    if (word_at(block, middle) < first)
      low = middle + 1;
    else
      high = middle;
  }
  range_mask found = 0;
  for (; low < words && word_at(block, low) >> range_bits == remainder; ++low)
    found |= summary_layout::bit_of(word_at(block, low));
  return found;
}

} // namespace skein::journal
