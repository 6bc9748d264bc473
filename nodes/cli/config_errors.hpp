// What a person is told whose configuration has errors.
#pragma once

#include "nodes/cli/output.hpp"
#include "nodes/config/load_config.hpp"

namespace skein::cli {

/// The exit code. `shown`: its problems were printed before.
int complain_of_config(context& at, const loaded_config& loaded, bool shown);

} // namespace skein::cli
