// JSON in nlohmann's values that stays the text it was written in: 1e400, 12345678901234567890,
// 0.10 and 1.0 come out as they went in, and an object keeps the order of its members.
//
// Such a value is held as nlohmann's `binary`, which JSON itself does not have; so it must be
// written by write_json(), never by dump(). For both of its object types (sorted and in order).
#pragma once

#include "protocol/cloudevents.hpp"
#include "protocol/json_reader.hpp"

#include <nlohmann/json.hpp>

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

namespace skein {

/// `text` is JSON, whole and checked.
template <class Json>
Json raw_json(std::string_view text) {
  return Json::binary(typename Json::binary_t::container_type(text.begin(), text.end()));
}

namespace raw_json_detail {

inline void append_break(std::string& out, int indent, std::size_t level) {
  if (indent < 0)
    return;
  out.push_back('\n');
  out.append(static_cast<std::size_t>(indent) * level, ' ');
}

template <class Json>
void append(std::string& out, const Json& value, int indent, std::size_t level) {
  if (value.is_binary()) {
    const auto& bytes = value.get_binary();
    out.append(bytes.begin(), bytes.end());
  } else if (value.is_string()) {
    append_json_string(out, value.template get_ref<const std::string&>());
  } else if (!value.is_structured() || value.empty()) {
    out.append(value.dump());
  } else {
    const bool object = value.is_object();
    out.push_back(object ? '{' : '[');
    bool first = true;
    for (auto at = value.begin(); at != value.end(); ++at) {
      if (!std::exchange(first, false))
        out.push_back(',');
      append_break(out, indent, level + 1);
      if (object) {
        append_json_string(out, at.key());
        out.append(indent < 0 ? ":" : ": ");
      }
      append(out, *at, indent, level + 1);
    }
    append_break(out, indent, level);
    out.push_back(object ? '}' : ']');
  }
}

/// As a number if that writes the same digits again, else as the text.
template <class Json>
Json number(std::string_view text) {
  const auto whole = [&](auto value) -> Json {
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (problem != std::errc{} || end != text.data() + text.size() || Json(value).dump() != text)
      return Json(nullptr);
    return Json(value);
  };
  Json found = text.starts_with('-') ? whole(std::int64_t{}) : whole(std::uint64_t{});
  if (found.is_null())
    found = whole(double{});
  return found.is_null() ? raw_json<Json>(text) : found;
}

template <class Json>
Json read(json_reader& from, std::size_t level) {
  using type = json_reader::type;
  const type next = from.next();
  // What is deeper is read as a text of its own: data may be as deep as a reader goes, and what a
  // node wraps around it comes on top of that.
  if (level == json_reader::envelope_levels && (next == type::object || next == type::array)) {
    json_reader inner{from.value()};
    Json value = read<Json>(inner, 0);
    return inner.failed() ? Json(Json::value_t::discarded) : value;
  }
  std::string buffer;
  Json value;
  switch (next) {
    case type::object:
      value = Json::object();
      from.open_object();
      for (std::string_view name; from.member(name);)
        value.emplace(std::string{name}, read<Json>(from, level + 1));
      return value;
    case type::array:
      value = Json::array();
      from.open_array();
      while (from.element())
        value.push_back(read<Json>(from, level + 1));
      return value;
    case type::string:
      return Json(std::string{from.string(buffer)});
    case type::number:
      return number<Json>(from.number());
    case type::boolean:
      return Json(from.boolean());
    case type::null:
    case type::end:
      from.null();
      return value;
  }
  return value;
}

} // namespace raw_json_detail

/// Invalid UTF-8 is replaced. `indent` below 0: on one line.
template <class Json>
std::string write_json(const Json& value, int indent = -1) {
  std::string out;
  raw_json_detail::append(out, value, indent, 0);
  return out;
}

/// A discarded value if `text` is no JSON.
template <class Json>
Json read_json(std::string_view text) {
  json_reader from{text};
  Json value = raw_json_detail::read<Json>(from, 0);
  from.finish();
  return from.failed() ? Json(Json::value_t::discarded) : value;
}

} // namespace skein
