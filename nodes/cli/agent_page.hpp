// Columns of agents and loops, for their lists and for the status page.
#pragma once

#include "nodes/cli/output.hpp"

namespace skein::cli {

std::span<const column> agent_columns();
std::span<const column> loop_columns();

} // namespace skein::cli
