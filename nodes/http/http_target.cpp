#include "nodes/http/http_target.hpp"

#include "protocol/limits.hpp"
#include "protocol/text.hpp"
#include "protocol/utf8.hpp"

#include <algorithm>

namespace skein {

namespace {

error wrong(std::string detail) { return {errc::invalid_argument, std::move(detail)}; }

result<std::string> decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out.push_back(' ');
      continue;
    }
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0)
      return wrong("A % in the URL must be followed by two hexadecimal digits.");
    out.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  const auto control = [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; };
  if (std::any_of(out.begin(), out.end(), control))
    return wrong("The URL must not contain control characters.");
  if (!is_utf8(out))
    return wrong("The URL must be UTF-8.");
  return out;
}

} // namespace

std::string_view path_of(std::string_view target) noexcept {
  return target.substr(0, target.find('?'));
}

result<query_list> read_query(std::string_view target) {
  query_list query;
  const std::size_t mark = target.find('?');
  std::string_view rest = mark == std::string_view::npos ? "" : target.substr(mark + 1);
  while (!rest.empty()) {
    const std::size_t end = rest.find('&');
    const std::string_view pair = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (pair.empty())
      continue;
    if (query.size() == limits::http_query_arguments_max)
      return wrong("At most " + std::to_string(limits::http_query_arguments_max) +
                   " query parameters are allowed.");
    const std::size_t equals = pair.find('=');
    auto name = decode(pair.substr(0, equals), true);
    if (!name)
      return name.error();
    auto value = decode(equals == std::string_view::npos ? "" : pair.substr(equals + 1), true);
    if (!value)
      return value.error();
    if (find_argument(query, *name) != nullptr)
      return wrong("The query parameter \"" + *name + "\" is there more than once.");
    query.emplace_back(std::move(*name), std::move(*value));
  }
  return query;
}

result<std::string> decode_segment(std::string_view segment) { return decode(segment, false); }

const std::string* find_argument(const query_list& query, std::string_view name) noexcept {
  for (const auto& [each, value] : query)
    if (each == name)
      return &value;
  return nullptr;
}

} // namespace skein
