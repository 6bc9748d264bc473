#include "protocol/media_type.hpp"

#include <algorithm>
#include <cstddef>

namespace skein {

namespace {

constexpr std::string_view most_common = "application/json"; // known without a look at it
constexpr std::string_view space = " \t";

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

bool equal(std::string_view text, std::string_view lower_case) noexcept {
  return std::equal(text.begin(), text.end(), lower_case.begin(), lower_case.end(),
                    [](char a, char b) { return lower(a) == b; });
}

bool ends_with(std::string_view text, std::string_view lower_case) noexcept {
  return text.size() >= lower_case.size() &&
         equal(text.substr(text.size() - lower_case.size()), lower_case);
}

bool is_token(std::string_view text) noexcept {
  const auto in_token = [](char c) {
    return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') ||
           std::string_view{"!#$%&'*+-.^_`|~"}.find(c) != std::string_view::npos;
  };
  return !text.empty() && std::all_of(text.begin(), text.end(), in_token);
}

struct parts {
  std::string_view type;
  std::string_view subtype;
  std::string_view parameters; // from the first ';' on, or empty
  bool valid = false;
};

parts split(std::string_view text) noexcept {
  const std::size_t end = std::min(text.find_first_of("; \t"), text.size());
  const std::size_t slash = text.find('/');
  if (slash >= end)
    return {};
  const std::size_t after = std::min(text.find_first_not_of(space, end), text.size());
  parts found{text.substr(0, slash), text.substr(slash + 1, end - slash - 1), text.substr(after)};
  found.valid = is_token(found.type) && is_token(found.subtype) &&
                (found.parameters.empty() || found.parameters[0] == ';');
  return found;
}

/// The value of the parameter `charset` without quotes; empty if there is none.
std::string_view charset_of(std::string_view parameters) noexcept {
  while (!parameters.empty()) {
    parameters.remove_prefix(1); // the ';'
    std::string_view one = parameters.substr(0, parameters.find(';'));
    parameters.remove_prefix(one.size());
    one.remove_prefix(std::min(one.find_first_not_of(space), one.size()));
    one = one.substr(0, one.find_last_not_of(space) + 1);
    const std::size_t equals = one.find('=');
    if (equals == std::string_view::npos || !equal(one.substr(0, equals), "charset"))
      continue;
    one.remove_prefix(equals + 1);
    if (one.size() >= 2 && one.front() == '"' && one.back() == '"')
      one = one.substr(1, one.size() - 2);
    return one;
  }
  return {};
}

} // namespace

bool is_media_type(std::string_view text) noexcept {
  return text == most_common || split(text).valid;
}

bool is_json_type(std::string_view media_type) noexcept {
  if (media_type == most_common)
    return true;
  const parts found = split(media_type);
  return found.valid && (equal(found.subtype, "json") || ends_with(found.subtype, "+json"));
}

bool is_text_type(std::string_view media_type) noexcept {
  const parts found = split(media_type);
  if (!found.valid)
    return false;
  const std::string_view charset = charset_of(found.parameters);
  if (!charset.empty() && !equal(charset, "utf-8") && !equal(charset, "us-ascii"))
    return false;
  return equal(found.type, "text") || equal(found.subtype, "xml") ||
         ends_with(found.subtype, "+xml") || equal(found.subtype, "x-www-form-urlencoded");
}

} // namespace skein
