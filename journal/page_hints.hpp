// Tells the system which pages of journal.db are read next, so that it fetches them side by side: a
// look-up reads rows that lie far apart, and one after the other each waits for the disk.
//
// The way down a table is read from the bytes of the file. What is in the log alone is not seen,
// and a page may be half written: a wrong hint costs one read for nothing, and no result depends on
// it.
#pragma once

#include "protocol/unique_fd.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace skein::journal {

/// Any number of threads. It must outlive the process's connections to the file: when it closes,
/// the system drops the process's locks of it.
class page_hints {
 public:
  /// Null if there is no such file, as on a simulated disk.
  static std::shared_ptr<const page_hints> open(const std::string& file, std::size_t page_bytes);
  page_hints(unique_fd file, std::size_t page_bytes);

  /// The leaf pages of these rows (in any order) of the table whose root this is, 0 if its way down
  /// cannot be read. Waits for the inner pages only, and for the first row's.
  std::vector<std::uint32_t> leaves_of(std::uint32_t root,
                                       std::span<const std::int64_t> rows) const;
  void will_read(std::uint32_t root, std::span<const std::int64_t> rows) const;

 private:
  bool read(std::uint32_t page, std::string& into) const;
  int levels_above(std::uint32_t root, std::int64_t row) const;
  void go_down(std::vector<std::uint32_t>& pages, std::span<const std::int64_t> rows) const;
  void announce(std::vector<std::uint32_t> pages) const;

  unique_fd file_;
  std::size_t page_bytes_;
};

} // namespace skein::journal
