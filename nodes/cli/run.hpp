// One run of the command line within given surroundings; `run` of cli.hpp gives the process's own.
#pragma once

#include "nodes/cli/context.hpp"

#include <string>
#include <vector>

namespace skein::cli {

/// `arguments` without the program's name. Returns the exit status.
int run_in(surroundings& world, const std::vector<std::string>& arguments, const cli_hooks& hooks);

} // namespace skein::cli
