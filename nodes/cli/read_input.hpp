// Data that a command takes from a file or from standard input.
#pragma once

#include "nodes/cli/context.hpp"

#include <optional>
#include <string>

namespace skein::cli {

/// All of a file, or of standard input if it is called "-"; at most one byte more than an event may
/// have, so that what is too large is refused as such. Empty when it cannot be read to its end,
/// which is told.
std::optional<std::string> read_input(context& at, const std::string& name);

} // namespace skein::cli
