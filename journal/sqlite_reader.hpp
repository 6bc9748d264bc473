// Reads a store through a connection of its own, which cannot write. Each call sees one state of
// the store.
#pragma once

#include "journal/journal.hpp"
#include "journal/lookup_tail.hpp"

#include <atomic>
#include <memory>
#include <string>

namespace skein::journal {

/// `file` is journal.db; it must be open for writing in this process, or closed in order. Without a
/// tail, what no index on disk has is read row by row. `timer_trouble` gets the code of an error
/// with which times could not be read.
result<std::unique_ptr<reader>>
open_sqlite_reader(const std::string& file, const std::string& vfs, lookup_view lookups,
                   std::shared_ptr<std::atomic<errc>> timer_trouble = nullptr);

} // namespace skein::journal
