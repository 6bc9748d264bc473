// The pages of a damaged journal.db as its log leaves them, read from the bytes of the files:
// SQLite itself drops the log from the first damaged frame on, and gives up a table at the first
// damaged page.
//
//   A frame of the log says by a checksum over itself and the checksum before it whether it is
//   whole; so what follows a damaged frame can be told apart from it, and counts up to the last
//   whole frame that ends a commit.
#pragma once

#include "protocol/result.hpp"
#include "protocol/unique_fd.hpp"

#include <cstdint>
#include <list>
#include <string>
#include <unordered_map>
#include <vector>

namespace skein::journal {

/// One image of a page, in the file or in the log.
struct page_image {
  std::uint32_t page = 0; // its number, from 1 on
  std::uint64_t offset = 0;
  bool in_log = false;
  /// Of a commit that counted, once. Not what stands behind the last one in the log: that may be of
  /// a commit that was refused.
  bool committed = true;
};

class page_source {
 public:
  /// Of the store in this directory. io_error if journal.db cannot be read at all.
  static result<page_source> open(const std::string& directory);

  std::uint32_t pages() const noexcept { return pages_; }
  std::size_t page_bytes() const noexcept { return page_bytes_; }

  /// The page as it counts; empty if it cannot be read. Valid until the next two calls.
  std::string_view read(std::uint32_t page);
  std::string_view read(const page_image& image);

  /// A newer image of the page was in the log, and is damaged: what read() gives is older.
  bool is_stale(std::uint32_t page) const { return stale_.contains(page); }
  /// A damaged frame: the number of its page may be another one.
  std::size_t damaged_frames() const noexcept { return damaged_frames_; }
  /// Images that do not count (any more): older ones, damaged ones.
  const std::vector<page_image>& others() const noexcept { return others_; }

 private:
  result<void> look_at_file();
  void look_at_log();

  unique_fd file_;
  unique_fd log_;
  std::uint32_t pages_ = 0;
  std::size_t page_bytes_ = 0;
  std::unordered_map<std::uint32_t, std::uint64_t> in_log_; // offset of the page's newest image
  std::unordered_map<std::uint32_t, bool> stale_;
  std::vector<page_image> others_;
  std::size_t damaged_frames_ = 0;
  std::string buffers_[3];
  std::size_t next_buffer_ = 0;
};

} // namespace skein::journal
