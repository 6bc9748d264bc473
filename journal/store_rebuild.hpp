// A new store out of what can be read of a damaged one, and the report of what is lost.
#pragma once

#include "journal/high_water.hpp"
#include "journal/salvage.hpp"
#include "journal/sqlite_repair.hpp"
#include "journal/store_identity.hpp"

namespace skein::journal {

/// Into new_store_folder() if the options say so; else only the report is made. `mark` says which
/// commit was on disk, if it is one of this store.
result<void> rebuild_store(salvage& found, const store_identity& identity,
                           const high_water_mark& mark, const repair_options& options,
                           repair_report& report);

} // namespace skein::journal
