// The characters of a JSON string that cannot stand for themselves, found eight at a time.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>

namespace skein {

/// The first of `"`, `\` and control characters, or `end`.
inline const char* find_json_special(const char* at, const char* end) noexcept {
  constexpr std::uint64_t ones = 0x0101010101010101;
  constexpr std::uint64_t tops = 0x8080808080808080;
  static_assert(std::endian::native == std::endian::little, "the first character is the lowest");
  for (; end - at >= 8; at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, sizeof word);
    const std::uint64_t quote = word ^ (ones * '"');
    const std::uint64_t slash = word ^ (ones * '\\');
    const std::uint64_t found =
        (((word - ones * 0x20) & ~word) | ((quote - ones) & ~quote) | ((slash - ones) & ~slash)) &
        tops;
    if (found != 0) // the lowest hit is exact; only those above it can be false
      return at + std::countr_zero(found) / 8;
  }
  return std::find_if(at, end, [](char c) {
    return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20;
  });
}

} // namespace skein
