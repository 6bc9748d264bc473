// Whether a store is all that it was, as far as its high-water mark and its chain tell; asked
// before a start changes anything. Reads the end of the store only: what came before the mark is
// checked record by record when it is read.
#pragma once

#include "journal/checked_rows.hpp"
#include "journal/high_water.hpp"
#include "journal/sqlite_db.hpp"

#include <cstdint>
#include <string>

namespace skein::journal {

/// The schema's step that made the chain.
inline constexpr std::int64_t version_with_chain = 2;

/// Up to the mark nothing is missing, and everything after it is whole. store_corrupt, with what is
/// wrong and what to do, if not. `mark` after its read().
result<void> check_chain(database& db, const high_water& mark);

/// store_version if there is none, for who can do nothing without.
result<void> require_chain(database& db);

/// The store of this folder as of now, for who takes it elsewhere: whether a node runs on it or
/// not, nothing is missing up to its mark. Errors as check_chain(), require_chain(), not_found.
result<database> open_up_to_mark(const std::string& directory);

// Its parts, for a check of everything; `db` has a chain.

result<std::string> store_id_of(database& db);
/// Up to the mark nothing is missing: the mark, or, if none was ever made, where the chain begins.
result<high_water_mark> check_mark(database& db, const high_water& mark, const unchecked_rows& old);
/// The events end where the last commit says, or retention has swept up to there.
result<void> check_end(database& db);

/// The commit before the first that has a place in the chain, and its digest: what the chain walk
/// begins with. Later than the beginning of the store once retention has dropped commits.
result<high_water_mark> start_of_chain(database& db, const std::string& store_id,
                                       const unchecked_rows& old);
/// The last commit and its digest, as they stand in a store with a chain.
result<high_water_mark> end_of_chain(database& db, const std::string& store_id);

} // namespace skein::journal
