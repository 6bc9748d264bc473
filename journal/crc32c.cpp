#include "journal/crc32c.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>

#ifdef __x86_64__
#include <nmmintrin.h>
#endif

namespace skein::journal {

static_assert(std::endian::native == std::endian::little, "words are loaded as they lie in memory");

namespace {

constexpr std::uint32_t polynomial = 0x82f63b78; // bits reversed: the lowest bit comes first

/// What eight steps, a bit each, make of a byte.
constexpr std::array<std::uint32_t, 256> make_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
    std::uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit)
      value = (value >> 1) ^ ((value & 1) != 0 ? polynomial : 0);
    table[byte] = value;
  }
  return table;
}
constexpr auto table = make_table();

#ifdef __x86_64__
template <class Word>
Word take(const char*& at) noexcept {
  Word word = 0;
  std::memcpy(&word, at, sizeof word);
  at += sizeof word;
  return word;
}

__attribute__((target("sse4.2"))) std::uint32_t by_instruction(std::string_view bytes,
                                                               std::uint32_t before) noexcept {
  std::uint64_t value = ~before;
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  while (end - at >= 32) { // four at a time: half of the cost of a short record is the loop
    value = _mm_crc32_u64(value, take<std::uint64_t>(at));
    value = _mm_crc32_u64(value, take<std::uint64_t>(at));
    value = _mm_crc32_u64(value, take<std::uint64_t>(at));
    value = _mm_crc32_u64(value, take<std::uint64_t>(at));
  }
  while (end - at >= 8)
    value = _mm_crc32_u64(value, take<std::uint64_t>(at));
  auto rest = static_cast<std::uint32_t>(value);
  if (end - at >= 4)
    rest = _mm_crc32_u32(rest, take<std::uint32_t>(at));
  if (end - at >= 2)
    rest = _mm_crc32_u16(rest, take<std::uint16_t>(at));
  if (end - at >= 1)
    rest = _mm_crc32_u8(rest, take<std::uint8_t>(at));
  return ~rest;
}

const bool has_instruction = __builtin_cpu_supports("sse4.2") != 0;
#endif

} // namespace

std::uint32_t crc32c_by_table(std::string_view bytes, std::uint32_t before) noexcept {
  std::uint32_t value = ~before;
  for (const char each : bytes)
    value = (value >> 8) ^ table[(value ^ static_cast<unsigned char>(each)) & 0xff];
  return ~value;
}

std::uint32_t crc32c(std::string_view bytes, std::uint32_t before) noexcept {
#ifdef __x86_64__
  if (has_instruction)
    return by_instruction(bytes, before);
#endif
  return crc32c_by_table(bytes, before);
}

} // namespace skein::journal
