// Base64 (RFC 4648, section 4): with padding, without white space, in its one spelling.
#include "protocol/cloudevents.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace skein {

namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::uint8_t no_digit = 0xff;

constexpr auto digits = [] {
  std::array<std::uint8_t, 256> table{};
  table.fill(no_digit);
  for (std::size_t i = 0; i < alphabet.size(); ++i)
    table[static_cast<unsigned char>(alphabet[i])] = static_cast<std::uint8_t>(i);
  return table;
}();

std::uint32_t byte_at(std::string_view bytes, std::size_t i) {
  return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0u;
}

error not_base64() {
  return {errc::invalid_argument, "It must be base64 with padding and without white space."};
}

} // namespace

std::string base64_encode(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4, '=');
  std::size_t out = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::uint32_t group =
        byte_at(bytes, i) << 16 | byte_at(bytes, i + 1) << 8 | byte_at(bytes, i + 2);
    const std::size_t used = std::min<std::size_t>(bytes.size() - i, 3) + 1;
    for (std::size_t digit = 0; digit < used; ++digit)
      text[out + digit] = alphabet[(group >> (18 - 6 * digit)) & 0x3f];
    out += 4;
  }
  return text;
}

result<std::string> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0)
    return not_base64();
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  std::string bytes(text.size() / 4 * 3 - padding, '\0');
  std::size_t out = 0;
  for (std::size_t i = 0; i < text.size(); i += 4) {
    const bool last = i + 4 == text.size();
    const std::size_t used = last ? 4 - padding : 4;
    std::uint32_t group = 0;
    std::uint8_t invalid = 0;
    for (std::size_t digit = 0; digit < 4; ++digit) {
      const std::uint8_t value =
          digit < used ? digits[static_cast<unsigned char>(text[i + digit])] : std::uint8_t{0};
      invalid |= value;
      group = group << 6 | value;
    }
    // Bits that no byte takes must be zero, or two texts would mean the same bytes.
    const std::uint32_t unused = used == 4 ? 0 : used == 3 ? 0xffu : 0xffffu;
    if ((invalid & 0x80) != 0 || (group & unused) != 0)
      return not_base64();
    for (std::size_t byte = 0; byte + 1 < used; ++byte)
      bytes[out++] = static_cast<char>(group >> (16 - 8 * byte) & 0xff);
  }
  return bytes;
}

} // namespace skein
