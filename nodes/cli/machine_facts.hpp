// What a machine is and has, as far as it may explain how a node does on it.
#pragma once

#include "nodes/cli/remote.hpp"

#include <string>

namespace skein::cli {

/// System, kernel, processors, memory, load, limits of this process and of its group. Without the
/// names of the machine and of its users.
json machine_facts();

/// The disk below a folder, and the folder's files by size and time; null if there is no folder.
json folder_facts(const std::string& folder);

} // namespace skein::cli
