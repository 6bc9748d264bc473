// What a node says on standard output when it is ready.
#pragma once

#include "nodes/config/node_options.hpp"

#include <cstdint>
#include <string>

namespace skein::cli {

/// Version, URL, where data is, agents and routes; for `dev` also the next command to type. `port`
/// is the one that the listener got.
std::string banner(const node_options& options, std::uint16_t port);

} // namespace skein::cli
