// Numbers as bytes, big-endian, and as varints: in the blobs of journal.db and in the file
// high-water.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace skein::journal {

inline void append_number(std::string& out, std::uint64_t number, int bytes) {
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8)
    out += static_cast<char>(number >> shift);
}
inline void append_word(std::string& out, std::uint64_t word) { append_number(out, word, 8); }

/// The first `size` bytes, 8 at most; there must be as many.
inline std::uint64_t read_number(std::string_view bytes, std::size_t size) {
  std::uint64_t number = 0;
  for (const char each : bytes.substr(0, size))
    number = number << 8 | static_cast<unsigned char>(each);
  return number;
}
inline std::uint64_t read_word(std::string_view bytes) { return read_number(bytes, 8); }

inline void append_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7)
    out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

/// From the front of the bytes; empty if they are none.
inline std::optional<std::uint64_t> take_varint(std::string_view& bytes) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80)
      return value;
  }
  return std::nullopt;
}

} // namespace skein::journal
