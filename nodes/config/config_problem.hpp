// What is wrong with a configuration, where, and what would be right.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace skein {

/// A place in a file, both 1-based; line 0 is the file as a whole.
struct config_place {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  friend auto operator<=>(const config_place&, const config_place&) = default;
};

enum class problem_level : std::uint8_t { error, warning };

struct config_problem {
  problem_level level = problem_level::error;
  config_place at;
  std::string where; // "[agent.bot] concurrency"; empty for the file as a whole
  std::string what;  // "read 0"
  std::string legal; // "legal is a whole number from 1 to 65536"
};

using config_problems = std::vector<config_problem>;

/// "cluster.toml:12:15: error: [agent.bot] concurrency: read 0; legal is a whole number from 1 to
/// 65536"
std::string to_string(const config_problem& problem, std::string_view file);

bool has_errors(const config_problems& problems);
std::size_t count_of(const config_problems& problems, problem_level level);

/// By place in the file; those of one place in the order they were found.
void sort_by_place(config_problems& problems);

} // namespace skein
