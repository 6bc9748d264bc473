#include "nodes/logging/log_line.hpp"

#include "protocol/limits.hpp"
#include "protocol/utf8.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace skein {

namespace {

bool is_control(char c) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f;
}

/// Whether U+0080..U+009F is at the front: a terminal takes them as ESC and a letter. The lead byte
/// is part of no other sequence, so text that is no UTF-8 cannot hide them.
bool is_wide_control(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  return text.size() >= 2 && byte(0) == 0xc2 && byte(1) >= 0x80 && byte(1) < 0xa0;
}

void append_wide_control(std::string& out, std::string_view text) {
  fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(text[1]));
}

void append_escaped(std::string& out, char c) {
  switch (c) {
    case '\n':
      out += "\\n";
      break;
    case '\r':
      out += "\\r";
      break;
    case '\t':
      out += "\\t";
      break;
    default:
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(c));
  }
}

std::string shortened(std::string_view text) {
  const std::string_view kept = cut_utf8(text, limits::log_value_bytes_max);
  if (kept.size() == text.size())
    return std::string{text};
  return fmt::format("{}...({} bytes more)", kept, text.size() - kept.size());
}

/// Within quotes a backslash is doubled as well: the value could end them otherwise.
void append_text_value(std::string& out, std::string_view value) {
  const std::string text = shortened(value);
  if (!text.empty() && text.find_first_of(" \"=") == std::string::npos) {
    out += escape_controls(text);
    return;
  }
  std::string quoted;
  for (const char c : text) {
    if (c == '"' || c == '\\')
      quoted += '\\';
    quoted += c;
  }
  out.append(1, '"').append(escape_controls(quoted)).append(1, '"');
}

void append_json_text(std::string& out, std::string_view value) {
  out += '"';
  for (std::size_t i = 0; i < value.size();) {
    const std::size_t length = utf8_sequence(value, i);
    const char c = value[i];
    if (length == 0)
      out += "\\ufffd";
    else if (is_wide_control(value.substr(i)))
      append_wide_control(out, value.substr(i));
    else if (c == '"' || c == '\\')
      out.append(1, '\\').append(1, c);
    else if (is_control(c))
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(c));
    else
      out.append(value.substr(i, length));
    i += std::max<std::size_t>(length, 1);
  }
  out += '"';
}

bool is_fixed_member(std::string_view name) noexcept {
  constexpr std::array<std::string_view, 5> fixed{"time", "level", "component", "id", "text"};
  return std::find(fixed.begin(), fixed.end(), name) != fixed.end();
}

void append_member(std::string& out, std::string_view name, std::string_view value) {
  if (!out.empty())
    out += ',';
  out.append(1, '"').append(name).append("\":");
  append_json_text(out, shortened(value));
}

} // namespace

std::string escape_controls(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_wide_control(text.substr(i)))
      append_wide_control(out, text.substr(i++));
    else if (is_control(text[i]))
      append_escaped(out, text[i]);
    else
      out += text[i];
  }
  return out;
}

std::string text_line(std::string_view component, std::string_view id, std::string_view sentence,
                      const log_fields& fields) {
  std::string out = fmt::format("{} {}: {}", component, id, escape_controls(shortened(sentence)));
  for (const log_field& field : fields) {
    out.append(1, ' ').append(field.name).append(1, '=');
    append_text_value(out, field.value);
  }
  return out;
}

std::string json_members(std::string_view component, std::string_view id, std::string_view sentence,
                         const log_fields& fields) {
  std::string out;
  append_member(out, "component", component);
  append_member(out, "id", id);
  append_member(out, "text", sentence);
  for (const log_field& field : fields) {
    const std::string name = std::string{field.name} + (is_fixed_member(field.name) ? "_" : "");
    append_member(out, name, field.value);
  }
  return out;
}

} // namespace skein
