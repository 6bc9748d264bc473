// From times to sequences: events are numbered in the order in which they were accepted.
#pragma once

#include "journal/checked_rows.hpp"

namespace skein::journal {

/// The first event that was accepted at `at` or later, or the next one to come. The commits that
/// say so are held against their checksums.
result<std::uint64_t> first_accepted_at(database& db, instant at, const unchecked_rows& old);

} // namespace skein::journal
