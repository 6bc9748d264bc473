// Writing JSON: strings, data, and the structured form of an event.
#include "protocol/check.hpp"
#include "protocol/cloudevents.hpp"
#include "protocol/json_scan.hpp"
#include "protocol/utf8.hpp"

#include <algorithm>

namespace skein {

namespace {

constexpr std::string_view replacement = "\xef\xbf\xbd"; // U+FFFD

void append_escape(std::string& out, char c) {
  constexpr std::string_view hex = "0123456789abcdef";
  constexpr std::string_view named = "\"\\\b\f\n\r\t";
  constexpr std::string_view letters = "\"\\bfnrt";
  if (const std::size_t index = named.find(c); index != std::string_view::npos) {
    out += '\\';
    out += letters[index];
    return;
  }
  out.append("\\u00");
  out += hex[static_cast<unsigned char>(c) >> 4];
  out += hex[static_cast<unsigned char>(c) & 0x0f];
}

/// `text` is UTF-8.
void append_escaped(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const char* stop = find_json_special(text.data(), text.data() + text.size());
    const auto plain = static_cast<std::size_t>(stop - text.data());
    out.append(text.data(), plain);
    if (plain == text.size())
      return;
    append_escape(out, *stop);
    text.remove_prefix(plain + 1);
  }
}

/// Bytes of the code point at the front; 0 if there is none.
std::size_t code_point_bytes(std::string_view text) noexcept {
  const auto first = static_cast<unsigned char>(text[0]);
  const std::size_t bytes = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  return bytes <= text.size() && is_utf8(text.substr(0, bytes)) ? bytes : 0;
}

void append_repaired(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const std::size_t bytes = code_point_bytes(text);
    append_escaped(out, bytes == 0 ? replacement : text.substr(0, bytes));
    text.remove_prefix(std::max<std::size_t>(bytes, 1));
  }
}

/// A JSON text on one line: line breaks can only stand between its tokens.
void append_on_one_line(std::string& out, std::string_view json) {
  const std::size_t start = out.size();
  out.append(json);
  if (json.find('\n') == json.npos && json.find('\r') == json.npos)
    return;
  const auto from = out.begin() + static_cast<std::ptrdiff_t>(start);
  std::replace_if(
      from, out.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
}

/// For names and values of attributes, which need no comma before the first: specversion is.
void append_member(std::string& out, std::string_view name, std::string_view value) {
  out.append(",\"").append(name).append("\":");
  append_json_string(out, value);
}

void append_member(std::string& out, std::string_view name,
                   const std::optional<std::string>& value) {
  if (value)
    append_member(out, name, std::string_view{*value});
}

void append_extension(std::string& out, std::string_view name, const extension_value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) {
    append_member(out, name, std::string_view{*text});
    return;
  }
  out.append(",\"").append(name).append("\":");
  if (const auto* number = std::get_if<std::int32_t>(&value))
    out.append(std::to_string(*number));
  else
    out.append(std::get<bool>(value) ? "true" : "false");
}

void append_data(std::string& out, data_kind kind, std::string_view data) {
  switch (kind) {
    case data_kind::none:
      return;
    case data_kind::json:
      out.append(",\"data\":");
      append_on_one_line(out, data);
      return;
    case data_kind::text:
      append_member(out, "data", data);
      return;
    case data_kind::binary:
      out.append(",\"data_base64\":\"").append(base64_encode(data)).append("\"");
      return;
  }
  SKEIN_CHECK(kind <= data_kind::binary);
}

} // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  if (is_plain_text(text) || is_utf8(text))
    append_escaped(out, text);
  else
    append_repaired(out, text);
  out += '"';
}

void append_json_value(std::string& out, data_kind kind, std::string_view data) {
  switch (kind) {
    case data_kind::none:
      out.append("null");
      return;
    case data_kind::json:
      append_on_one_line(out, data);
      return;
    case data_kind::text:
      append_json_string(out, data);
      return;
    case data_kind::binary:
      out.append("{\"data_base64\":\"").append(base64_encode(data)).append("\"}");
      return;
  }
  SKEIN_CHECK(kind <= data_kind::binary);
}

void append_structured(std::string& out, const event& value) {
  out.append("{\"specversion\":\"1.0\"");
  append_member(out, "id", std::string_view{value.id});
  append_member(out, "source", std::string_view{value.source});
  append_member(out, "type", std::string_view{value.type});
  append_member(out, "subject", value.subject);
  append_member(out, "time", value.time);
  append_member(out, "datacontenttype", value.datacontenttype);
  append_member(out, "dataschema", value.dataschema);
  for (const auto& [name, content] : value.extensions)
    append_extension(out, name, content);
  append_data(out, value.kind, value.data);
  out += '}';
}

std::string write_structured(const event& value) {
  std::string out;
  out.reserve(256 + value.data.size());
  append_structured(out, value);
  return out;
}

} // namespace skein
