// Numbers as bytes, big-endian: in the blobs of journal.db and in the file high-water.
#pragma once

#include <cstdint>
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

} // namespace skein::journal
