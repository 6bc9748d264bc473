// What was found in a store, as JSON.
#pragma once

#include "journal/sqlite_verify.hpp"
#include "nodes/cli/remote.hpp"

#include <string>

namespace skein::cli {

json view_report(const std::string& folder, const journal::verify_report& report);

} // namespace skein::cli
