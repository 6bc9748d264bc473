#include "protocol/attributes.hpp"

#include "protocol/media_type.hpp"
#include "protocol/text.hpp"
#include "protocol/utf8.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace skein {

namespace {

error wrong(std::string_view name, std::string_view what) {
  return {errc::invalid_event, std::string{name}.append(" ").append(what)};
}

constexpr std::array<std::string_view, 10> own_names{
    "id",         "source",  "type", "specversion", "datacontenttype",
    "dataschema", "subject", "time", "data",        "data_base64"};

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
    if (text[i] != '%' || text.size() - i < 3 || hex_digit(text[i + 1]) < 0 ||
        hex_digit(text[i + 2]) < 0)
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

result<void> check_extension_name(std::string_view name) {
  if (name.empty() || name.size() > limits::attribute_name_bytes_max)
    return error{errc::invalid_event, "The name of an extension attribute has 1 to " +
                                          std::to_string(limits::attribute_name_bytes_max) +
                                          " characters; this one has " +
                                          std::to_string(name.size()) + "."};
  if (std::find(own_names.begin(), own_names.end(), name) != own_names.end())
    return wrong(name, "is an attribute of the specification, not an extension.");
  const auto in_name = [](char c) { return (c >= 'a' && c <= 'z') || is_digit(c); };
  if (std::all_of(name.begin(), name.end(), in_name))
    return {};
  if (!is_utf8(name) || !is_allowed_text(name))
    return error{errc::invalid_event, "The name of an attribute has characters that are not "
                                      "allowed; only a-z and 0-9 are."};
  return wrong(name, "is not the name of an attribute; only a-z and 0-9 are allowed in one.");
}

result<void> check_text(std::string_view name, std::string_view value, std::size_t bytes_max) {
  if (value.size() > bytes_max)
    return error{errc::too_large, std::string{name} + " has " + std::to_string(value.size()) +
                                      " bytes; at most " + std::to_string(bytes_max) +
                                      " are allowed."};
  if (is_plain_text(value))
    return {};
  if (!is_utf8(value))
    return wrong(name, "must be UTF-8.");
  if (!is_allowed_text(value))
    return wrong(name, "has a control character or a noncharacter; a String has none.");
  return {};
}

result<void> check_time(const event& value) {
  if (!value.time)
    return {};
  if (auto checked = check_text("time", *value.time, limits::attribute_bytes_max); !checked)
    return checked;
  if (!parse_rfc3339(*value.time))
    return error{errc::invalid_time, "time must be RFC 3339 with a year of 1678 to 2261, such as "
                                     "2026-01-31T12:00:00Z."};
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
  if (auto checked = check_time(value); !checked)
    return checked;
  if (auto checked =
          check_optional("datacontenttype", value.datacontenttype, limits::attribute_bytes_max);
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
