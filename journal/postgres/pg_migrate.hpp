// The schema: made, and brought up to date, by one of the nodes that start at once.
#pragma once

#include "journal/postgres/pg_connection.hpp"
#include "journal/postgres/postgres_options.hpp"

namespace skein::journal {

/// Makes the store if there is none, and applies what it has not seen. store_version if it was made
/// by a newer program.
result<void> migrate(pg_connection& db, const postgres_options& options);

/// Who the store is. store_mismatch if it does not fit what is asked of it.
result<store_identity> read_identity(pg_connection& db, const postgres_options& options);

/// store_not_durable, naming the setting, unless a commit that was acknowledged survives.
result<void> check_durability(pg_connection& db, bool single);

} // namespace skein::journal
