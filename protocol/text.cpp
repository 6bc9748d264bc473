#include "protocol/text.hpp"

#include <array>
#include <charconv>
#include <cstddef>

namespace skein {

std::string_view trimmed(std::string_view text, std::string_view spaces) noexcept {
  const std::size_t first = text.find_first_not_of(spaces);
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(spaces) - first + 1);
}

bool is_token_char(char c) noexcept {
  static constexpr auto table = [] {
    std::array<bool, 256> in_token{};
    for (const char each : std::string_view{"0123456789abcdefghijklmnopqrstuvwxyz"
                                            "ABCDEFGHIJKLMNOPQRSTUVWXYZ!#$%&'*+-.^_`|~"})
      in_token[static_cast<unsigned char>(each)] = true;
    return in_token;
  }();
  return table[static_cast<unsigned char>(c)];
}

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return -1;
}

std::string hex_of(std::uint64_t word) {
  std::string text(16, '0');
  for (std::size_t i = 16; i-- > 0; word >>= 4)
    text[i] = "0123456789abcdef"[word & 15];
  return text;
}

std::optional<std::uint64_t> word_of_hex(std::string_view text) noexcept {
  std::uint64_t word = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, problem] = std::from_chars(text.data(), end, word, 16);
  if (problem != std::errc{} || stopped != end)
    return std::nullopt;
  return word;
}

} // namespace skein
