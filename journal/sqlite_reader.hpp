// Reads a store through a connection of its own, which cannot write. Each call sees one state of
// the store.
#pragma once

#include "journal/journal.hpp"
#include "journal/lookup_tail.hpp"
#include "journal/page_hints.hpp"
#include "journal/read_gate.hpp"

#include <atomic>
#include <memory>
#include <string>

namespace skein::journal {

/// What readers met of tables that the writer can make anew.
struct reader_trouble {
  std::atomic<errc> timers = errc::none; // of the table of times: damage, or a failed read
  std::atomic<bool> pending = false;     // damage to the saved pending set
};

/// What the readers of a store share with its writer; each may be null.
struct of_writer {
  std::shared_ptr<reader_trouble> trouble; // null: nobody makes anything anew
  std::shared_ptr<read_gate> gate;         // null: the log may grow while they read
  std::shared_ptr<const page_hints> pages; // null: the disk reads one page after the other
};

/// `file` is journal.db; it must be open for writing in this process, or closed in order. Without a
/// tail, what no index on disk has is read row by row.
result<std::unique_ptr<reader>> open_sqlite_reader(const std::string& file, const std::string& vfs,
                                                   lookup_view lookups, of_writer shared = {});

} // namespace skein::journal
