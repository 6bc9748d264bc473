// The log as the rooms of nodes/ see it. A line has a level, the component that speaks, a stable
// kebab-case id to search for, one sentence for people, and fields. Payloads, keys' contents and
// secrets do not belong in a line: events are named by their number.
//
// Rooms take a log_function where they are built; the composition root gives them `log`.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace skein {

enum class log_level : std::uint8_t { trace, debug, info, warn, error, off };

std::string_view to_string(log_level level) noexcept;
std::optional<log_level> parse_log_level(std::string_view text) noexcept;

/// What a configuration says of the log.
struct log_options {
  log_level level = log_level::info;
  bool json = false; // one JSON object a line instead of text
};

/// Usual names: event, key, agent, shard, loop, turn, peer, code. Lower case, digits and '_'.
struct log_field {
  std::string_view name;
  std::string value;
};
using log_fields = std::vector<log_field>;

using log_function = std::function<void(log_level, std::string_view component, std::string_view id,
                                        std::string_view sentence, const log_fields& fields)>;

/// Writes one line if `level` is enabled. Any thread; a node's log never blocks on
/// who reads it (logging.hpp).
void log(log_level level, std::string_view component, std::string_view id,
         std::string_view sentence, const log_fields& fields = {});

/// So that fields that cost something to build are built only when somebody reads them.
bool log_enabled(log_level level) noexcept;

} // namespace skein
