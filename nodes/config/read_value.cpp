#include "nodes/config/read_value.hpp"

#include "nodes/config/byte_size.hpp"
#include "nodes/logging/log_line.hpp"
#include "protocol/cloudevents.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace skein {

namespace {

template <class T>
T number_of(std::string_view text) {
  T value{};
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  SKEIN_CHECK(code == std::errc{} && end == text.data() + text.size());
  return value;
}

/// A bound of the table, in the unit of the key's kind.
template <class T>
T bound_of(std::string_view text, value_kind kind) {
  if constexpr (std::is_same_v<T, duration>) {
    const auto span = parse_duration(text);
    SKEIN_CHECK(span.has_value());
    return *span;
  } else if constexpr (std::is_same_v<T, std::int64_t>) {
    if (kind != value_kind::bytes)
      return number_of<std::int64_t>(text);
    const auto size = parse_byte_size(text);
    SKEIN_CHECK(size.has_value());
    return *size;
  } else {
    return number_of<double>(text);
  }
}

template <class T>
result<config_value> within(const config_key& key, T value) {
  if (value < bound_of<T>(key.least, key.kind) || value > bound_of<T>(key.most, key.kind))
    return errc::invalid_config;
  return config_value{value};
}

/// No NUL: such texts become paths, arguments and variables.
const std::string* text_of(const raw_value& raw) {
  const auto* text = std::get_if<std::string>(&raw.value);
  return text != nullptr && text->find('\0') == std::string::npos ? text : nullptr;
}

result<config_value> read_text(const raw_value& raw) {
  if (const std::string* text = text_of(raw))
    return config_value{*text};
  return errc::invalid_config;
}

result<config_value> read_integer(const config_key& key, const raw_value& raw) {
  if (const auto* number = std::get_if<std::int64_t>(&raw.value))
    return within(key, *number);
  return errc::invalid_config;
}

result<config_value> read_number(const config_key& key, const raw_value& raw) {
  if (const auto* number = std::get_if<std::int64_t>(&raw.value))
    return within(key, static_cast<double>(*number));
  if (const auto* number = std::get_if<double>(&raw.value);
      number != nullptr && std::isfinite(*number))
    return within(key, *number);
  return errc::invalid_config;
}

result<config_value> read_span(const config_key& key, const raw_value& raw) {
  const std::string* text = text_of(raw);
  if (text == nullptr)
    return errc::invalid_config;
  const auto span = parse_duration(*text);
  if (!span)
    return errc::invalid_config;
  return within(key, *span);
}

result<config_value> read_bytes(const config_key& key, const raw_value& raw) {
  if (const auto* number = std::get_if<std::int64_t>(&raw.value))
    return within(key, *number);
  const std::string* text = text_of(raw);
  const auto size = text == nullptr ? std::nullopt : parse_byte_size(*text);
  if (!size)
    return errc::invalid_config;
  return within(key, *size);
}

result<config_value> read_choice(const config_key& key, const raw_value& raw) {
  const std::string* text = text_of(raw);
  if (text == nullptr || text->empty() || text->find('|') != std::string::npos)
    return errc::invalid_config;
  const std::string all = fmt::format("|{}|", key.choices);
  if (all.find(fmt::format("|{}|", *text)) == std::string::npos)
    return errc::invalid_config;
  return config_value{*text};
}

result<config_value> read_list(const raw_value& raw) {
  const auto* list = std::get_if<std::vector<raw_value>>(&raw.value);
  if (list == nullptr)
    return errc::invalid_config;
  text_list out;
  for (const raw_value& each : *list) {
    const std::string* text = text_of(each);
    if (text == nullptr)
      return errc::invalid_config;
    out.push_back(*text);
  }
  return config_value{std::move(out)};
}

result<config_value> read_table(const raw_value& raw) {
  const auto* table = std::get_if<std::vector<raw_member>>(&raw.value);
  if (table == nullptr)
    return errc::invalid_config;
  text_table out;
  for (const raw_member& each : *table) {
    const std::string* text = text_of(each.value);
    if (text == nullptr)
      return errc::invalid_config;
    out.emplace_back(each.name, *text);
  }
  return config_value{std::move(out)};
}

/// A time of TOML is told as the text that it is.
result<config_value> read_time(const raw_value& raw) {
  if (const auto* time = std::get_if<raw_time>(&raw.value))
    return config_value{time->text};
  return read_text(raw);
}

/// Builds both forms of a value; JSON has no numbers that are not finite.
struct any_writer {
  any_value out{};
  bool legal = true;

  void add(const raw_value& raw) { std::visit(*this, raw.value); }
  void both(std::string_view text) {
    out.json += text;
    out.toml += text;
  }
  void operator()(bool flag) { both(flag ? "true" : "false"); }
  void operator()(std::int64_t number) { both(fmt::format("{}", number)); }
  void operator()(double number) {
    legal = legal && std::isfinite(number);
    const std::string text = fmt::format("{}", number);
    both(text.find_first_of(".e") == std::string::npos ? text + ".0" : text);
  }
  void operator()(const std::string& text) {
    append_json_string(out.json, text);
    out.toml += toml_string(text);
  }
  void operator()(const raw_time& time) {
    append_json_string(out.json, time.text);
    out.toml += time.text;
  }
  void operator()(const std::vector<raw_value>& list) {
    both("[");
    for (const raw_value& each : list) {
      if (&each != list.data())
        separate();
      add(each);
    }
    both("]");
  }
  void operator()(const std::vector<raw_member>& table) {
    both("{");
    for (const raw_member& each : table) {
      if (&each != table.data())
        separate();
      append_json_string(out.json, each.name);
      out.json += ":";
      out.toml += is_bare(each.name) ? each.name : toml_string(each.name);
      out.toml += " = ";
      add(each.value);
    }
    both("}");
  }

 private:
  void separate() {
    out.json += ",";
    out.toml += ", ";
  }
  static bool is_bare(std::string_view name) {
    return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '-' || c == '_';
    });
  }
};

result<config_value> read_any(const raw_value& raw) {
  any_writer writer;
  writer.add(raw);
  if (!writer.legal || !check_json(writer.out.json).ok()) // too deep, for one
    return errc::invalid_config;
  return config_value{std::move(writer.out)};
}

} // namespace

result<config_value> read_value(const config_key& key, const raw_value& raw) {
  switch (key.kind) {
    case value_kind::text:
      return read_text(raw);
    case value_kind::boolean:
      if (const auto* flag = std::get_if<bool>(&raw.value))
        return config_value{*flag};
      return errc::invalid_config;
    case value_kind::integer:
      return read_integer(key, raw);
    case value_kind::number:
      return read_number(key, raw);
    case value_kind::span:
      return read_span(key, raw);
    case value_kind::bytes:
      return read_bytes(key, raw);
    case value_kind::choice:
      return read_choice(key, raw);
    case value_kind::text_list:
      return read_list(raw);
    case value_kind::text_table:
      return read_table(raw);
    case value_kind::time:
      return read_time(raw);
    case value_kind::any:
      return read_any(raw);
  }
  return errc::invalid_config;
}

wrong_part wrong_part_of(const config_key& key, const raw_value& raw) {
  if (const auto* list = std::get_if<std::vector<raw_value>>(&raw.value);
      list != nullptr && key.kind == value_kind::text_list) {
    for (std::size_t i = 0; i < list->size(); ++i)
      if (text_of((*list)[i]) == nullptr)
        return {(*list)[i], fmt::format("item {}", i + 1)};
  } else if (const auto* table = std::get_if<std::vector<raw_member>>(&raw.value);
             table != nullptr && key.kind == value_kind::text_table) {
    for (const raw_member& each : *table)
      if (text_of(each.value) == nullptr)
        return {each.value, escape_controls(each.name)};
  }
  return {raw, ""};
}

std::string legal_values(const config_key& key) {
  const auto range = [&] { return fmt::format("from {} to {}", key.least, key.most); };
  switch (key.kind) {
    case value_kind::text:
      return fmt::format("a text in quotes, such as {}", key.example);
    case value_kind::boolean:
      return "true or false";
    case value_kind::integer:
      return fmt::format("a whole number {}", range());
    case value_kind::number:
      return fmt::format("a number {}", range());
    case value_kind::span:
      return fmt::format("a duration {}, such as {}", range(), key.example);
    case value_kind::bytes:
      return fmt::format("a size {}, such as {}", range(), key.example);
    case value_kind::text_list:
      return fmt::format("a list of texts, such as {}", key.example);
    case value_kind::text_table:
      return fmt::format("a table of texts, such as {}", key.example);
    case value_kind::time:
      return fmt::format("a time, such as 2026-08-16T09:00:00Z, or {} of its zone", key.example);
    case value_kind::any:
      return fmt::format("what JSON can say, such as {}", key.example);
    case value_kind::choice:
      break;
  }
  std::string words;
  for (std::string_view rest = key.choices; !rest.empty();) {
    const auto bar = std::min(rest.find('|'), rest.size());
    words.append(words.empty() ? "\"" : ", \"").append(rest.substr(0, bar)).append(1, '"');
    rest.remove_prefix(std::min(bar + 1, rest.size()));
  }
  return fmt::format("one of {}", words);
}

} // namespace skein
