// What may leave a machine for support: never payloads, keys of events, tokens, keys of nodes,
// passwords, or words of programs and of those who wrote them.
#pragma once

#include "nodes/cli/remote.hpp"
#include "nodes/config/load_config.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace skein::cli {

/// Tokens, and user and password within URLs, as "(hidden)".
std::string mask_secrets(std::string_view text);

/// An answer of a node without the members that may hold what is somebody else's.
json scrub_answer(const json& answer);

/// The values in force: secrets and data of jobs are hidden, of commands only the program is shown.
/// Mistakes are told by their place, not by what stands there.
json scrub_config(const loaded_config& loaded);

struct scrubbed_log {
  std::string text;
  std::size_t shortened = 0; // lines about an event, an agent or a key: without their words
  std::size_t left_out = 0;  // that are no lines of Skein's log
};
/// A log as text or JSON; what stands before a line's time, such as journald's words, goes.
scrubbed_log scrub_log(std::string_view log);

} // namespace skein::cli
