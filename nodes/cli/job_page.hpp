// A job and its instants as a person reads them.
#pragma once

#include "nodes/cli/context.hpp"
#include "nodes/cli/remote.hpp"

namespace skein::cli {

/// All that the node tells of one, in the chosen form.
void print_job(context& at, const json& job);

/// Instants with their time in the zone, in UTC and what the clocks do near them.
void print_instants(context& at, const json& instants);

} // namespace skein::cli
