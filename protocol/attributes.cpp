#include "protocol/attributes.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <simdjson.h>

namespace skein {

namespace {

error wrong(std::string_view name, std::string_view what) {
  return {errc::invalid_event, std::string{name}.append(" ").append(what)};
}

constexpr std::array<std::string_view, 10> own_names{
  "id",   "source", "type", "specversion", "datacontenttype", "dataschema", "subject",
  "time", "data",   "data_base64"};

/// Whether a code point of two or more bytes is disallowed: U+0080..U+009F and the noncharacters.
bool disallowed(const unsigned char* at) noexcept {
  if (at[0] == 0xc2)
    return at[1] < 0xa0;
  if (at[0] == 0xef) // U+FDD0..U+FDEF, U+FFFE, U+FFFF
    return (at[1] == 0xb7 && at[2] >= 0x90 && at[2] <= 0xaf) || (at[1] == 0xbf && at[2] >= 0xbe);
  if (at[0] >= 0xf0) // U+nFFFE, U+nFFFF
    return (at[1] & 0x0f) == 0x0f && at[2] == 0xbf && at[3] >= 0xbe;
  return false;
}

/// Whether all of eight characters are ASCII and none is a control character.
bool plain_word(const char* at) noexcept {
  constexpr std::uint64_t ones = 0x0101010101010101;
  constexpr std::uint64_t tops = 0x8080808080808080;
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  const std::uint64_t below_space = (word - ones * 0x20) & ~word;
  const std::uint64_t deleted = word ^ (ones * 0x7f);
  return ((below_space | word | ((deleted - ones) & ~deleted)) & tops) == 0;
}

bool plain_text(std::string_view text) noexcept {
  std::size_t i = 0;
  for (; i + 8 <= text.size(); i += 8)
    if (!plain_word(text.data() + i))
      return false;
  for (; i < text.size(); ++i)
    if (text[i] < 0x20 || text[i] == 0x7f) // char is signed: non-ASCII is below too
      return false;
  return true;
}

/// `text` is UTF-8, so a first byte says how many follow.
bool allowed_text(std::string_view text) noexcept {
  const auto* at = reinterpret_cast<const unsigned char*>(text.data());
  const auto* end = at + text.size();
  while (at != end) {
    if (*at < 0x20 || *at == 0x7f)
      return false;
    if (*at >= 0x80 && disallowed(at))
      return false;
    at += *at < 0x80 ? 1 : *at < 0xe0 ? 2 : *at < 0xf0 ? 3 : 4;
  }
  return true;
}

bool is_hex(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

constexpr auto uri_table = [] {
  std::array<bool, 256> allowed{};
  for (unsigned c = 0x21; c < allowed.size(); ++c)
    allowed[c] = c != 0x7f;
  for (const char c : std::string_view{"\"<>\\^`{|}%"})
    allowed[static_cast<unsigned char>(c)] = false;
  return allowed;
}();

/// The characters of a URI (RFC 3986), others than ASCII too (RFC 3987), and whole %XX.
bool uri_characters(std::string_view text) noexcept {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (uri_table[static_cast<unsigned char>(text[i])])
      continue;
    if (text[i] != '%' || text.size() - i < 3 || !is_hex(text[i + 1]) || !is_hex(text[i + 2]))
      return false;
    i += 2;
  }
  return true;
}

bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

/// scheme ":" and something behind it.
bool is_absolute_uri(std::string_view text) noexcept {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == text.size() ||
      !is_letter(text[0]))
    return false;
  const auto in_scheme = [](char c) {
    return is_letter(c) || is_digit(c) || c == '+' || c == '-' || c == '.';
  };
  return std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(colon), in_scheme) &&
         uri_characters(text);
}

bool is_token(std::string_view text) noexcept {
  const auto in_token = [](char c) {
    return is_letter(c) || is_digit(c) ||
           std::string_view{"!#$%&'*+-.^_`|~"}.find(c) != std::string_view::npos;
  };
  return !text.empty() && std::all_of(text.begin(), text.end(), in_token);
}

/// type "/" subtype, then nothing or parameters, which nobody here looks into.
bool is_media_type(std::string_view text) noexcept {
  const std::size_t end = std::min(text.find_first_of("; \t"), text.size());
  const std::size_t slash = text.find('/');
  if (slash >= end || !is_token(text.substr(0, slash)) ||
      !is_token(text.substr(slash + 1, end - slash - 1)))
    return false;
  const std::size_t after = text.find_first_not_of(" \t", end);
  return after == std::string_view::npos || text[after] == ';';
}

result<void> check_required(std::string_view name, std::string_view value) {
  if (value.empty())
    return wrong(name, "is required and must not be empty.");
  return check_text(name, value, limits::id_bytes_max);
}

result<void> check_optional(std::string_view name, const std::optional<std::string>& value,
                            std::size_t bytes_max) {
  if (!value)
    return {};
  if (value->empty())
    return wrong(name, "must not be empty; leave it out instead.");
  return check_text(name, *value, bytes_max);
}

result<void> check_extensions(const event& value) {
  if (value.extensions.size() > limits::extensions_max)
    return error{errc::too_large, "The event has " + std::to_string(value.extensions.size()) +
                                    " extension attributes; at most " +
                                    std::to_string(limits::extensions_max) + " are allowed."};
  const std::string* before = nullptr;
  for (const auto& [name, content] : value.extensions) {
    if (auto checked = check_extension_name(name); !checked)
      return checked;
    if (before != nullptr && !(*before < name))
      return wrong(name, "is there twice or not in order of name.");
    before = &name;
    const auto* text = std::get_if<std::string>(&content);
    if (text == nullptr)
      continue;
    const bool is_key = name == attribute::partitionkey;
    if (auto checked =
          check_text(name, *text, is_key ? limits::id_bytes_max : limits::attribute_bytes_max);
        !checked)
      return checked;
  }
  return {};
}

result<void> check_data(const event& value) {
  switch (value.kind) {
    case data_kind::none:
      if (!value.data.empty())
        return wrong("data", "is there, but its kind says there is none.");
      return {};
    case data_kind::json:
      if (value.data.empty())
        return wrong("data", "must be a JSON value; an empty text is none.");
      return {};
    case data_kind::text:
      if (!is_utf8(value.data))
        return wrong("data", "must be UTF-8 to be text; send other bytes as data_base64.");
      return {};
    case data_kind::binary:
      return {};
  }
  return wrong("data", "has a kind that does not exist.");
}

} // namespace

bool is_utf8(std::string_view text) noexcept {
  return plain_text(text) || simdjson::validate_utf8(text.data(), text.size());
}

result<void> check_extension_name(std::string_view name) {
  if (name.empty() || name.size() > limits::attribute_name_bytes_max)
    return error{errc::invalid_event, "The name of an extension attribute has 1 to " +
                                        std::to_string(limits::attribute_name_bytes_max) +
                                        " characters; this one has " + std::to_string(name.size()) +
                                        "."};
  if (std::find(own_names.begin(), own_names.end(), name) != own_names.end())
    return wrong(name, "is an attribute of the specification, not an extension.");
  const auto in_name = [](char c) { return (c >= 'a' && c <= 'z') || is_digit(c); };
  if (std::all_of(name.begin(), name.end(), in_name))
    return {};
  if (!is_utf8(name) || !allowed_text(name))
    return error{errc::invalid_event, "The name of an attribute has characters that are not "
                                      "allowed; only a-z and 0-9 are."};
  return wrong(name, "is not the name of an attribute; only a-z and 0-9 are allowed in one.");
}

result<void> check_text(std::string_view name, std::string_view value, std::size_t bytes_max) {
  if (value.size() > bytes_max)
    return error{errc::too_large, std::string{name} + " has " + std::to_string(value.size()) +
                                    " bytes; at most " + std::to_string(bytes_max) +
                                    " are allowed."};
  if (plain_text(value))
    return {};
  if (!simdjson::validate_utf8(value.data(), value.size()))
    return wrong(name, "must be UTF-8.");
  if (!allowed_text(value))
    return wrong(name, "has a control character or a noncharacter; a String has none.");
  return {};
}

result<void> check_attributes(const event& value) {
  if (auto checked = check_required("id", value.id); !checked)
    return checked;
  if (auto checked = check_required("source", value.source); !checked)
    return checked;
  if (!uri_characters(value.source))
    return wrong("source", "must be a URI reference, such as /orders or https://example.com/a; "
                           "write other characters as %XX.");
  if (auto checked = check_required("type", value.type); !checked)
    return checked;
  if (auto checked = check_optional("subject", value.subject, limits::id_bytes_max); !checked)
    return checked;
  if (value.time && !parse_rfc3339(*value.time))
    return error{errc::invalid_time, "time must be RFC 3339 with a year of 1678 to 2261, such as "
                                     "2026-01-31T12:00:00Z."};
  if (auto checked = check_optional("datacontenttype", value.datacontenttype,
                                    limits::attribute_bytes_max);
      !checked)
    return checked;
  if (value.datacontenttype && !is_media_type(*value.datacontenttype))
    return wrong("datacontenttype", "must be a media type, such as application/json.");
  if (auto checked = check_optional("dataschema", value.dataschema, limits::attribute_bytes_max);
      !checked)
    return checked;
  if (value.dataschema && !is_absolute_uri(*value.dataschema))
    return wrong("dataschema", "must be an absolute URI, such as https://example.com/order.json.");
  if (auto checked = check_extensions(value); !checked)
    return checked;
  return check_data(value);
}

} // namespace skein
