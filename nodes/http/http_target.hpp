// The request target taken apart: "/v1/keys/a%2Fb?limit=5". The path is split before it is decoded,
// so an encoded slash stays part of a name.
#pragma once

#include "protocol/result.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace skein {

/// Decoded query arguments in the order they came; names are unique.
using query_list = std::vector<std::pair<std::string, std::string>>;

/// The part before "?", as sent.
std::string_view path_of(std::string_view target) noexcept;

/// Decodes the part after "?": UTF-8, "+" is a space. invalid_argument: a malformed escape, no
/// UTF-8, a control character, a repeated name, or more than limits::http_query_arguments_max.
result<query_list> read_query(std::string_view target);

/// One path segment: UTF-8 without control characters, "+" is itself.
result<std::string> decode_segment(std::string_view segment);

/// The value of an argument; nullptr if absent.
const std::string* find_argument(const query_list& query, std::string_view name) noexcept;

} // namespace skein
