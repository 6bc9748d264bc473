#include "journal/lookup_blocks.hpp"

#include "journal/byte_words.hpp"
#include "journal/crc32c.hpp"

#include <algorithm>
#include <bit>

namespace skein::journal {

namespace {

constexpr std::size_t remainder_bytes = lookup_layout::remainder_bits / 8;

void append_varint(std::string& into, std::uint32_t value) {
  for (; value >= 0x80; value >>= 7)
    into.push_back(static_cast<char>(value | 0x80));
  into.push_back(static_cast<char>(value));
}

/// Reads from the front of what is left.
class block_reader {
 public:
  explicit block_reader(std::string_view bytes) : left_{bytes} {}

  /// The events of a remainder: the first slot, and the steps from there to the others.
  struct group {
    std::uint32_t remainder = 0;
    std::uint32_t first = 0;
    std::string_view steps;
  };
  std::optional<group> next() {
    const auto of = remainder();
    const auto first = varint();
    if (!of || !first)
      return std::nullopt;
    group found{*of, *first / 2, {}};
    if (*first % 2 == 1) {
      const auto size = varint();
      const auto taken = size ? bytes(*size) : std::nullopt;
      if (!taken)
        return std::nullopt;
      found.steps = *taken;
    }
    return found;
  }

  bool at_end() const noexcept { return left_.empty(); }
  std::optional<std::uint32_t> remainder() {
    if (left_.size() < remainder_bytes)
      return std::nullopt;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < remainder_bytes; ++i)
      value = value << 8 | static_cast<unsigned char>(left_[i]);
    left_.remove_prefix(remainder_bytes);
    return value;
  }
  std::optional<std::uint32_t> varint() {
    std::uint32_t value = 0;
    for (int shift = 0; shift < 32 && !left_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(left_.front());
      left_.remove_prefix(1);
      value |= static_cast<std::uint32_t>(byte & 0x7f) << shift;
      if (byte < 0x80)
        return value;
    }
    return std::nullopt;
  }
  std::optional<std::string_view> bytes(std::size_t count) {
    if (left_.size() < count)
      return std::nullopt;
    const std::string_view taken = left_.substr(0, count);
    left_.remove_prefix(count);
    return taken;
  }

 private:
  std::string_view left_;
};

bool append_slots(std::uint32_t slot, std::string_view steps, std::vector<std::uint32_t>& slots) {
  slots.push_back(slot);
  for (block_reader rest{steps}; !rest.at_end();) {
    const auto step = rest.varint();
    if (!step)
      return false;
    slots.push_back(slot += *step);
  }
  return true;
}

} // namespace

std::uint64_t lookup_hash(std::string_view text, const hash_settings& hash) noexcept {
  const std::uint64_t value = siphash128(text, hash.seed_high, hash.seed_low).low;
  return value == 0 ? 1 : value;
}

std::uint32_t lookup_layout::blocks() const noexcept {
  return static_cast<std::uint32_t>(
      std::max<std::uint64_t>(1, range_events / limits::lookup_block_entries));
}

std::uint32_t lookup_layout::block_of(std::uint64_t hash) const noexcept {
  const int bits = std::countr_zero(blocks());
  return bits == 0 ? 0 : static_cast<std::uint32_t>(hash >> (64 - bits));
}

std::uint32_t lookup_layout::remainder_of(std::uint64_t hash) const noexcept {
  return static_cast<std::uint32_t>(hash << std::countr_zero(blocks()) >> (64 - remainder_bits));
}

std::int64_t lookup_layout::row_of(std::uint64_t range, lookup_kind kind,
                                   std::uint32_t block) const noexcept {
  return static_cast<std::int64_t>((range * 2 + static_cast<std::uint64_t>(kind)) * blocks() +
                                   block);
}

void write_block(std::vector<lookup_entry>& entries, std::string& into) {
  into.clear();
  if (!std::is_sorted(entries.begin(), entries.end()))
    std::sort(entries.begin(), entries.end());
  std::string steps;
  for (std::size_t first = 0; first < entries.size();) {
    steps.clear();
    std::size_t next = first + 1;
    for (; next < entries.size() && entries[next].remainder == entries[first].remainder; ++next)
      append_varint(steps, entries[next].slot - entries[next - 1].slot);
    append_number(into, entries[first].remainder, remainder_bytes);
    append_varint(into, entries[first].slot * 2 + (steps.empty() ? 0 : 1));
    if (!steps.empty()) {
      append_varint(into, static_cast<std::uint32_t>(steps.size()));
      into += steps;
    }
    first = next;
  }
}

bool find_in_block(std::string_view block, std::uint32_t remainder,
                   std::vector<std::uint32_t>& slots) {
  for (block_reader groups{block}; !groups.at_end();) {
    const auto each = groups.next();
    if (!each)
      return false;
    if (each->remainder > remainder)
      return true;
    if (each->remainder == remainder)
      return append_slots(each->first, each->steps, slots);
  }
  return true;
}

bool remainders_in_block(std::string_view block, std::vector<std::uint32_t>& remainders) {
  for (block_reader groups{block}; !groups.at_end();) {
    const auto each = groups.next();
    if (!each)
      return false;
    remainders.push_back(each->remainder);
  }
  return true;
}

std::uint32_t block_crc(std::int64_t row, std::string_view entries) noexcept {
  std::string number;
  append_word(number, static_cast<std::uint64_t>(row));
  return crc32c(entries, crc32c(number));
}

} // namespace skein::journal
