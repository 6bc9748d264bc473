// What the command line's exit status says. Scripts rely on these numbers: none is ever changed.
#pragma once

#include <span>
#include <string_view>

namespace skein::cli {

namespace exit_code {
inline constexpr int done = 0;
inline constexpr int failed = 1;
inline constexpr int usage = 2;
inline constexpr int not_found = 3;
inline constexpr int not_allowed = 4;
inline constexpr int conflict = 5;
inline constexpr int unhealthy = 6;
inline constexpr int unreachable = 69;
inline constexpr int store_failed = 74; // of dev and start, as nodes/node.hpp
inline constexpr int busy = 75;
inline constexpr int timed_out = 124;
inline constexpr int interrupted = 130;
} // namespace exit_code

struct exit_code_row {
  int code;
  std::string_view meaning;
};
std::span<const exit_code_row> exit_codes();

/// What an HTTP status means to a command.
int exit_code_of_status(unsigned status);

} // namespace skein::cli
