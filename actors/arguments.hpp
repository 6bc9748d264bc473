// What look-ups and commands are given, read from their JSON arguments. All of it may come from
// anybody: what has another type than it should is absent or an error, never a throw.
#pragma once

#include "protocol/result.hpp"
#include "protocol/time.hpp"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace skein {

/// Empty if it is absent, empty or no text.
std::optional<std::string> text_of(const nlohmann::json& arguments, const char* name);

/// As text_of; empty text if there is none.
std::string said(const nlohmann::json& arguments, const char* name);

/// A number that came as a number or as text (a query parameter); empty if absent, an error if
/// malformed.
result<std::optional<std::uint64_t>> number_of(const nlohmann::json& arguments, const char* name);

/// False if it is absent or no true or false.
bool flag_of(const nlohmann::json& arguments, const char* name);

/// What happened at `since` or later, and before `until`; no_instant where it is absent.
struct time_span {
  instant since = no_instant;
  instant until = no_instant;
};
/// The arguments of these names. An error if one is no time, or if nothing can be between them.
result<time_span> span_of(const nlohmann::json& arguments, instant now);

/// The rows of a page, from 1 to limits::page_rows_max.
result<std::size_t> limit_of(const nlohmann::json& arguments);

} // namespace skein
