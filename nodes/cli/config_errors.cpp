#include "nodes/cli/config_errors.hpp"

#include "nodes/cli/exit_codes.hpp"

#include <fmt/format.h>

namespace skein::cli {

int complain_of_config(context& at, const loaded_config& loaded, bool shown) {
  const std::size_t errors = count_of(loaded.problems, problem_level::error);
  return complain(at, exit_code::failed,
                  {loaded.is_read ? fmt::format("{} has {} error{}", loaded.file, errors,
                                                errors == 1 ? "" : "s")
                                  : fmt::format("{} is no configuration", loaded.file),
                   shown ? "" : problem_lines(loaded),
                   !loaded.is_read ? "name a file that is there, such as cluster.toml"
                   : shown         ? "correct the lines above"
                                   : "correct these lines",
                   "invalid-config"});
}

} // namespace skein::cli
