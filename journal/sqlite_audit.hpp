// Counts a store anew from its rows and holds the result against what it says of itself.
#pragma once

#include "journal/ledgers.hpp"
#include "journal/sqlite_db.hpp"

#include <string>
#include <vector>

namespace skein::journal {

struct audit_report {
  ledgers counted;                   // from the rows of events and outcomes, `pending` included
  std::vector<std::string> problems; // sentences; none = all is as it should be
};

/// Reads everything: the time grows with the store. `vfs` as in sqlite_options.
result<audit_report> audit_sqlite(const std::string& directory, const std::string& vfs = {});
/// Within the transaction that is under way.
result<audit_report> audit_sqlite(database& db);

} // namespace skein::journal
