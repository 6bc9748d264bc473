#include "protocol/media_type.hpp"

#include "protocol/text.hpp"

#include <algorithm>
#include <cstddef>

namespace skein {

namespace {

constexpr std::string_view most_common = "application/json"; // known without a look at it

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

bool equal(std::string_view text, std::string_view lower_case) noexcept {
  return std::equal(text.begin(), text.end(), lower_case.begin(), lower_case.end(),
                    [](char a, char b) { return lower(a) == b; });
}

bool ends_with(std::string_view text, std::string_view lower_case) noexcept {
  return text.size() >= lower_case.size() &&
         equal(text.substr(text.size() - lower_case.size()), lower_case);
}

/// How many characters of a token are at the front.
std::size_t token_size(std::string_view text) noexcept {
  std::size_t size = 0;
  while (size < text.size() && is_token_char(text[size]))
    ++size;
  return size;
}

struct parts {
  std::string_view type;
  std::string_view subtype;
  std::string_view parameters; // from the first ';' on, or empty
  bool valid = false;
};

parts split(std::string_view text) noexcept {
  const std::size_t slash = token_size(text);
  if (slash == 0 || slash == text.size() || text[slash] != '/')
    return {};
  const std::size_t subtype = token_size(text.substr(slash + 1));
  const std::size_t end = slash + 1 + subtype;
  const std::size_t after = std::min(text.find_first_not_of(blanks, end), text.size());
  parts found{text.substr(0, slash), text.substr(slash + 1, subtype), text.substr(after)};
  found.valid = subtype != 0 && (found.parameters.empty() || found.parameters[0] == ';');
  return found;
}

/// The value of the parameter `charset` without quotes; empty if there is none.
std::string_view charset_of(std::string_view parameters) noexcept {
  while (!parameters.empty()) {
    parameters.remove_prefix(1); // the ';'
    std::string_view one = parameters.substr(0, parameters.find(';'));
    parameters.remove_prefix(one.size());
    one = trimmed(one, blanks);
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
