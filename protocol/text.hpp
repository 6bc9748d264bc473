// What of plain characters more than one part needs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace skein {

inline constexpr std::string_view white_space = " \t\r\n";
inline constexpr std::string_view blanks = " \t"; // of HTTP's headers

/// Without the characters of `spaces` at both ends.
std::string_view trimmed(std::string_view text, std::string_view spaces = white_space) noexcept;

/// A character of a token (RFC 9110), which methods, names of fields and media types are made of.
bool is_token_char(char c) noexcept;

/// The value of a hexadecimal digit of either case; -1 if it is none.
int hex_digit(char c) noexcept;

/// 16 lower-case hexadecimal digits.
std::string hex_of(std::uint64_t word);
/// Reads hexadecimal digits, as many as a word may have; empty for anything else.
std::optional<std::uint64_t> word_of_hex(std::string_view text) noexcept;

} // namespace skein
