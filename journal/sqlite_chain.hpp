// Whether a store is all that it was, as far as its high-water mark and its chain tell; asked
// before a start changes anything. Reads the end of the store only: what came before the mark is
// checked record by record when it is read.
#pragma once

#include "journal/high_water.hpp"
#include "journal/sqlite_db.hpp"

namespace skein::journal {

/// Up to the mark nothing is missing, and everything after it is whole. store_corrupt, with what is
/// wrong and what to do, if not. `mark` after its read().
result<void> check_chain(database& db, const high_water& mark);

/// The last commit and its digest, as they stand in a store with a chain.
result<high_water_mark> end_of_chain(database& db, const std::string& store_id);

} // namespace skein::journal
