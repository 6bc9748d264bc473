#include "nodes/config/config_problem.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace skein {

std::string to_string(const config_problem& problem, std::string_view file) {
  std::string out{file};
  if (problem.at.line != 0)
    out += fmt::format(":{}:{}", problem.at.line, problem.at.column);
  out += problem.level == problem_level::error ? ": error: " : ": warning: ";
  if (!problem.where.empty())
    out.append(problem.where).append(": ");
  out += problem.what;
  if (!problem.legal.empty())
    out.append("; ").append(problem.legal);
  return out;
}

std::size_t count_of(const config_problems& problems, problem_level level) {
  return static_cast<std::size_t>(
      std::count_if(problems.begin(), problems.end(),
                    [level](const config_problem& each) { return each.level == level; }));
}

bool has_errors(const config_problems& problems) {
  return count_of(problems, problem_level::error) != 0;
}

void sort_by_place(config_problems& problems) {
  std::stable_sort(problems.begin(), problems.end(),
                   [](const config_problem& a, const config_problem& b) { return a.at < b.at; });
}

} // namespace skein
