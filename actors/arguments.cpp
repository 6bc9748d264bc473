#include "actors/arguments.hpp"

#include "protocol/limits.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>

namespace skein {

using nlohmann::json;

std::optional<std::string> text_of(const json& arguments, const char* name) {
  const auto found = arguments.find(name);
  if (found == arguments.end() || !found->is_string() ||
      found->get_ref<const std::string&>().empty())
    return std::nullopt;
  return found->get<std::string>();
}

std::string said(const json& arguments, const char* name) {
  return text_of(arguments, name).value_or("");
}

result<std::optional<std::uint64_t>> number_of(const json& arguments, const char* name) {
  const auto found = arguments.find(name);
  if (found == arguments.end())
    return std::optional<std::uint64_t>{};
  if (found->is_number_unsigned())
    return std::optional{found->get<std::uint64_t>()};
  std::uint64_t value = 0;
  if (found->is_string()) {
    const auto& text = found->get_ref<const std::string&>();
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (problem == std::errc{} && end == text.data() + text.size() && !text.empty())
      return std::optional{value};
  }
  return error{errc::invalid_argument, std::string{name} + " must be a whole number"};
}

bool flag_of(const json& arguments, const char* name) {
  const auto found = arguments.find(name);
  return found != arguments.end() && found->is_boolean() && found->get<bool>();
}

namespace {

/// no_instant if it is absent. What was accepted by 1970 is nothing.
result<instant> time_of(const json& arguments, const char* name, instant now) {
  const auto text = text_of(arguments, name);
  if (!text)
    return no_instant;
  const auto time = parse_time(*text, now);
  if (!time)
    return error{errc::invalid_argument, std::string{name} +
                                             " must be a time, such as 2026-08-16T09:00:00Z, or "
                                             "one counted back from now, such as -1h30m"};
  return std::max(*time, no_instant + duration{1});
}

} // namespace

result<time_span> span_of(const json& arguments, instant now) {
  const auto since = time_of(arguments, "since", now);
  if (!since)
    return since.error();
  const auto until = time_of(arguments, "until", now);
  if (!until)
    return until.error();
  if (*until != no_instant && *until <= *since)
    return error{errc::invalid_argument, "nothing is between them: until must be behind since"};
  return time_span{*since, *until};
}

result<std::size_t> limit_of(const json& arguments) {
  auto limit = number_of(arguments, "limit");
  if (!limit)
    return limit.error();
  const std::uint64_t rows = limit->value_or(limits::page_rows_default);
  if (rows == 0 || rows > limits::page_rows_max)
    return error{errc::invalid_argument,
                 "limit must be between 1 and " + std::to_string(limits::page_rows_max)};
  return static_cast<std::size_t>(rows);
}

} // namespace skein
