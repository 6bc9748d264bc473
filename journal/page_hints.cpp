#include "journal/page_hints.hpp"

#include "journal/btree_page.hpp"

#include <algorithm>
#include <fcntl.h>
#include <unistd.h>

namespace skein::journal {

namespace {
constexpr int levels_max = 20; // of SQLite's tables
}

std::shared_ptr<const page_hints> page_hints::open(const std::string& file,
                                                   std::size_t page_bytes) {
  unique_fd opened{::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
  return opened ? std::make_shared<const page_hints>(std::move(opened), page_bytes) : nullptr;
}

page_hints::page_hints(unique_fd file, std::size_t page_bytes)
  : file_{std::move(file)}, page_bytes_{page_bytes} {}

bool page_hints::read(std::uint32_t page, std::string& into) const {
  into.resize(page_bytes_);
  return page > 0 &&
         ::pread(file_.get(), into.data(), page_bytes_,
                 static_cast<off_t>((page - 1) * page_bytes_)) == static_cast<ssize_t>(page_bytes_);
}

/// All leaves of a table are at one depth.
int page_hints::levels_above(std::uint32_t root, std::int64_t row) const {
  std::string bytes;
  std::uint32_t page = root;
  for (int level = 0; level < levels_max && read(page, bytes); ++level) {
    if (kind_of(bytes, page) == page_kind::table_leaf)
      return level;
    page = child_of_row(bytes, page, row);
  }
  return -1;
}

/// One level; rows that are neighbours are often on one page.
void page_hints::go_down(std::vector<std::uint32_t>& pages,
                         std::span<const std::int64_t> rows) const {
  std::string bytes;
  std::uint32_t at = 0;
  bool is_there = false;
  for (std::size_t i = 0; i < pages.size(); ++i) {
    if (pages[i] != at) {
      at = pages[i];
      is_there = read(at, bytes);
    }
    pages[i] = is_there ? child_of_row(bytes, at, rows[i]) : 0;
  }
}

void page_hints::announce(std::vector<std::uint32_t> pages) const {
  std::sort(pages.begin(), pages.end());
  pages.erase(std::unique(pages.begin(), pages.end()), pages.end());
  for (const std::uint32_t page : pages)
    if (page > 0)
      ::posix_fadvise(file_.get(), static_cast<off_t>((page - 1) * page_bytes_),
                      static_cast<off_t>(page_bytes_), POSIX_FADV_WILLNEED);
}

std::vector<std::uint32_t> page_hints::leaves_of(std::uint32_t root,
                                                 std::span<const std::int64_t> rows) const {
  std::vector<std::uint32_t> pages(rows.size(), root);
  const int levels = rows.empty() ? 0 : levels_above(root, rows.front());
  if (levels < 0)
    pages.assign(rows.size(), 0);
  for (int level = 0; level < levels; ++level) {
    if (level > 0)
      announce(pages);
    go_down(pages, rows);
  }
  return pages;
}

void page_hints::will_read(std::uint32_t root, std::span<const std::int64_t> rows) const {
  if (rows.size() > 1) // one alone is read as soon
    announce(leaves_of(root, rows));
}

} // namespace skein::journal
