// The index of look-ups held against the events: for `skein journal verify` and tests.
#pragma once

#include "journal/lookup_blocks.hpp"
#include "journal/sqlite_db.hpp"

#include <string>
#include <vector>

namespace skein::journal {

/// The seeds that the store hashes with.
result<hash_settings> hash_settings_of(database& db);

/// Ranges whose index, and groups whose summary, is not what their events give, a sentence each,
/// `most` at most. Reads all keys and ids of the ranges that have an index.
result<std::vector<std::string>> check_lookup_index(database& db, const hash_settings& hash,
                                                    std::size_t most);

} // namespace skein::journal
