#include "nodes/agents/text.hpp"

namespace skein {

namespace {

constexpr std::string_view replacement = "\xef\xbf\xbd"; // U+FFFD

unsigned byte_at(std::string_view text, std::size_t at) noexcept {
  return static_cast<unsigned char>(text[at]);
}

bool continues(std::string_view text, std::size_t at) noexcept {
  return at < text.size() && (byte_at(text, at) & 0xc0u) == 0x80u;
}

void append_escaped(std::string& out, unsigned byte) {
  constexpr std::string_view digits = "0123456789abcdef";
  switch (byte) {
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  out += "\\x";
  out += digits[byte >> 4];
  out += digits[byte & 15u];
}

} // namespace

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
  for (int back = 0; back < 3 && end > 0 && (byte_at(text, end) & 0xc0u) == 0x80u; ++back)
    --end;
  return text.substr(0, end);
}

std::string printable(std::string_view text, std::size_t bytes_max) {
  const std::string_view shown = cut_utf8(text, bytes_max);
  std::string out;
  out.reserve(shown.size() + 8);
  for (std::size_t at = 0; at < shown.size();) {
    const std::size_t bytes = utf8_sequence(shown, at);
    const unsigned byte = byte_at(shown, at);
    const bool c1 = bytes == 2 && byte == 0xc2 && byte_at(shown, at + 1) < 0xa0;
    if (bytes == 0 || (bytes == 1 && (byte < 0x20 || byte == 0x7f))) {
      append_escaped(out, byte);
      ++at;
    } else if (c1) {
      append_escaped(out, byte_at(shown, at + 1));
      at += 2;
    } else {
      out.append(shown, at, bytes);
      at += bytes;
    }
  }
  if (shown.size() < text.size())
    out += "...";
  return out;
}

std::string environment_text(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t bytes = utf8_sequence(text, at);
    if (bytes == 0 || text[at] == '\0') {
      out += replacement;
      ++at;
    } else {
      out.append(text, at, bytes);
      at += bytes;
    }
  }
  return out;
}

} // namespace skein
