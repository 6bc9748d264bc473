// Reads a store through a connection of its own, which cannot write. Each call sees one state of
// the store.
#pragma once

#include "journal/journal.hpp"
#include "journal/lookup_tail.hpp"

#include <string>

namespace skein::journal {

/// `file` is journal.db; it must be open for writing in this process, or closed in order. Without a
/// tail, what no index on disk has is read row by row.
result<std::unique_ptr<reader>> open_sqlite_reader(const std::string& file, const std::string& vfs,
                                                   lookup_view lookups);

} // namespace skein::journal
