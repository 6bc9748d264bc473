// skein bundle: what helps to find a trouble, in one file.
#pragma once

#include "nodes/cli/command.hpp"

namespace skein::cli {

handler define_bundle(CLI::App& app);

} // namespace skein::cli
