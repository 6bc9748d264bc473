#include "nodes/agents/text.hpp"

#include "protocol/utf8.hpp"

namespace skein {

namespace {

constexpr std::string_view replacement = "\xef\xbf\xbd"; // U+FFFD

unsigned byte_at(std::string_view text, std::size_t at) noexcept {
  return static_cast<unsigned char>(text[at]);
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
