#include "protocol/utf8.hpp"

#include <cstdint>
#include <cstring>
#include <simdjson.h>

namespace skein {

namespace {

/// Whether a code point of two or more bytes is disallowed: U+0080..U+009F and the noncharacters.
bool is_disallowed(const unsigned char* at) noexcept {
  if (at[0] == 0xc2)
    return at[1] < 0xa0;
  if (at[0] == 0xef) // U+FDD0..U+FDEF, U+FFFE, U+FFFF
    return (at[1] == 0xb7 && at[2] >= 0x90 && at[2] <= 0xaf) || (at[1] == 0xbf && at[2] >= 0xbe);
  if (at[0] >= 0xf0) // U+nFFFE, U+nFFFF
    return (at[1] & 0x0f) == 0x0f && at[2] == 0xbf && at[3] >= 0xbe;
  return false;
}

/// Whether all of eight characters are ASCII and none is a control character.
bool is_plain_word(const char* at) noexcept {
  constexpr std::uint64_t ones = 0x0101010101010101;
  constexpr std::uint64_t tops = 0x8080808080808080;
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  const std::uint64_t below_space = (word - ones * 0x20) & ~word;
  const std::uint64_t deleted = word ^ (ones * 0x7f);
  return ((below_space | word | ((deleted - ones) & ~deleted)) & tops) == 0;
}

unsigned byte_at(std::string_view text, std::size_t at) noexcept {
  return static_cast<unsigned char>(text[at]);
}

bool continues(std::string_view text, std::size_t at) noexcept {
  return at < text.size() && (byte_at(text, at) & 0xc0u) == 0x80u;
}

} // namespace

bool is_plain_text(std::string_view text) noexcept {
  std::size_t i = 0;
  for (; i + 8 <= text.size(); i += 8)
    if (!is_plain_word(text.data() + i))
      return false;
  for (; i < text.size(); ++i)
    if (const auto c = static_cast<unsigned char>(text[i]); c < 0x20 || c >= 0x7f)
      return false;
  return true;
}

bool is_utf8(std::string_view text) noexcept {
  return simdjson::validate_utf8(text.data(), text.size());
}

bool is_allowed_text(std::string_view text) noexcept {
  const auto* at = reinterpret_cast<const unsigned char*>(text.data());
  const auto* end = at + text.size();
  while (at != end) {
    if (*at < 0x20 || *at == 0x7f)
      return false;
    if (*at >= 0x80 && is_disallowed(at))
      return false;
    at += *at < 0x80 ? 1 : *at < 0xe0 ? 2 : *at < 0xf0 ? 3 : 4;
  }
  return true;
}

std::size_t utf8_sequence(std::string_view text, std::size_t at) noexcept {
  if (at >= text.size())
    return 0;
  const unsigned first = byte_at(text, at);
  if (first < 0x80)
    return 1;
  if (first < 0xc2 || first > 0xf4 || !continues(text, at + 1))
    return 0;
  if (first < 0xe0)
    return 2;
  const unsigned second = byte_at(text, at + 1);
  if (!continues(text, at + 2) || (first == 0xe0 && second < 0xa0) ||
      (first == 0xed && second > 0x9f))
    return 0;
  if (first < 0xf0)
    return 3;
  if (!continues(text, at + 3) || (first == 0xf0 && second < 0x90) ||
      (first == 0xf4 && second > 0x8f))
    return 0;
  return 4;
}

std::string_view cut_utf8(std::string_view text, std::size_t bytes_max) noexcept {
  if (text.size() <= bytes_max)
    return text;
  std::size_t end = bytes_max;
  // A sequence has at most three bytes that continue it; broken text is cut where it is.
  for (int back = 0; back < 3 && end > 0 && continues(text, end); ++back)
    --end;
  return text.substr(0, end);
}

void append_utf8(std::string& out, char32_t point) {
  const auto put = [&out](char32_t byte) { out += static_cast<char>(byte); };
  const auto put_rest = [&put](char32_t bits) { put(0x80 | (bits & 0x3f)); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xc0 | point >> 6);
    put_rest(point);
  } else if (point < 0x10000) {
    put(0xe0 | point >> 12);
    put_rest(point >> 6);
    put_rest(point);
  } else {
    put(0xf0 | point >> 18);
    put_rest(point >> 12);
    put_rest(point >> 6);
    put_rest(point);
  }
}

} // namespace skein
