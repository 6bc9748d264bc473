// Reads a store through a connection of its own, which cannot write. Each call sees one state of
// the store.
#pragma once

#include "journal/journal.hpp"

#include <string>

namespace skein::journal {

/// `file` is journal.db; it must be open for writing in this process, or closed in order.
result<std::unique_ptr<reader>> open_sqlite_reader(const std::string& file, const std::string& vfs);

} // namespace skein::journal
