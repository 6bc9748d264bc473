#include "journal/page_source.hpp"

#include "journal/byte_words.hpp"
#include "journal/store_folder.hpp"
#include "protocol/limits.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace skein::journal {

namespace {

constexpr std::size_t log_header_bytes = 32;
constexpr std::size_t frame_header_bytes = 24;
constexpr std::uint64_t log_magic = 0x377f0682; // its lowest bit: checksums of big-endian words

std::uint32_t word_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint32_t>(read_number(bytes.substr(at), 4));
}

/// SQLite's checksum of a log, carried on from the one before.
struct log_sum {
  std::uint32_t a = 0;
  std::uint32_t b = 0;

  void add(std::string_view bytes, bool big_endian) {
    const auto word = [&](std::size_t at) {
      const std::uint32_t value = word_at(bytes, at);
      return big_endian ? value : __builtin_bswap32(value);
    };
    for (std::size_t at = 0; at + 8 <= bytes.size(); at += 8) {
      a += word(at) + b;
      b += word(at + 4) + a;
    }
  }
  static log_sum stored(std::string_view bytes, std::size_t at) {
    return {word_at(bytes, at), word_at(bytes, at + 4)};
  }
  friend bool operator==(const log_sum&, const log_sum&) = default;
};

bool is_page_size(std::size_t bytes) {
  return bytes >= 512 && bytes <= 65'536 && (bytes & (bytes - 1)) == 0;
}

std::uint64_t size_of(int fd) {
  struct stat found {};
  return fd >= 0 && ::fstat(fd, &found) == 0 ? static_cast<std::uint64_t>(found.st_size) : 0;
}

/// What is not there, or cannot be read, is cut off.
void read_at(int fd, std::uint64_t offset, std::size_t bytes, std::string& into) {
  into.resize(bytes);
  std::size_t done = 0;
  while (done < bytes) {
    const ssize_t got =
        ::pread(fd, into.data() + done, bytes - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      break;
    done += static_cast<std::size_t>(got);
  }
  into.resize(done);
}

} // namespace

result<page_source> page_source::open(const std::string& directory) {
  page_source made;
  const std::string path = directory + "/journal.db";
  made.file_.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!made.file_)
    return system_error(errno, "opening " + path);
  made.log_.reset(::open((path + "-wal").c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (auto looked = made.look_at_file(); !looked)
    return looked.error();
  made.look_at_log();
  return made;
}

/// The size of a page: from the file's header, else from the log's, else ours.
result<void> page_source::look_at_file() {
  std::string head;
  read_at(file_.get(), 0, 100, head);
  if (head.starts_with(std::string_view{"SQLite format 3\0", 16}) && head.size() == 100) {
    const std::size_t told = read_number(std::string_view{head}.substr(16), 2);
    page_bytes_ = told == 1 ? 65'536 : told;
  }
  if (!is_page_size(page_bytes_)) {
    read_at(log_.get(), 0, log_header_bytes, head);
    page_bytes_ = head.size() == log_header_bytes ? word_at(head, 8) : 0;
  }
  if (!is_page_size(page_bytes_))
    page_bytes_ = limits::journal_page_bytes;
  pages_ = static_cast<std::uint32_t>((size_of(file_.get()) + page_bytes_ - 1) / page_bytes_);
  return {};
}

void page_source::look_at_log() {
  const std::size_t frame_bytes = frame_header_bytes + page_bytes_;
  const std::uint64_t size = size_of(log_.get());
  std::string bytes;
  read_at(log_.get(), 0, log_header_bytes, bytes);
  if (size <= log_header_bytes || bytes.size() < log_header_bytes)
    return;
  const bool big_endian = (word_at(bytes, 0) & 1) != 0;
  log_sum header;
  header.add(std::string_view{bytes}.substr(0, 24), big_endian);
  const bool is_whole =
      (word_at(bytes, 0) & ~1u) == log_magic && header == log_sum::stored(bytes, 24);
  std::string salts = bytes.substr(16, 8);
  log_sum before = log_sum::stored(bytes, 24);
  struct frame {
    page_image image;
    bool whole = false;
  };
  std::vector<frame> run; // of this log, since it last began anew
  std::size_t counting = 0;
  std::uint32_t pages = 0;
  for (std::uint64_t at = log_header_bytes; at + frame_header_bytes < size; at += frame_bytes) {
    read_at(log_.get(), at, frame_bytes, bytes);
    bytes.resize(frame_bytes);
    if (run.empty() && !is_whole)
      salts = bytes.substr(8, 8); // the header's may be damaged
    log_sum sum = before;
    sum.add(std::string_view{bytes}.substr(0, 8), big_endian);
    sum.add(std::string_view{bytes}.substr(frame_header_bytes), big_endian);
    before = log_sum::stored(bytes, 16);
    const bool whole = sum == before && bytes.compare(8, 8, salts) == 0;
    const page_image image{word_at(bytes, 0), at + frame_header_bytes, true};
    run.push_back({image, whole});
    if (whole && word_at(bytes, 4) != 0) { // the end of a commit
      counting = run.size();
      pages = word_at(bytes, 4);
    }
  }
  for (std::size_t i = 0; i < run.size(); ++i) {
    page_image& image = run[i].image;
#ifndef SKEIN_BUG_REPAIR_TAKES_REFUSED
    image.committed = i < counting;
#endif
    if (i >= counting || !run[i].whole) {
      others_.push_back(image);
      damaged_frames_ += i < counting ? 1 : 0;
      if (i < counting)
        stale_[image.page] = true;
      continue;
    }
    stale_.erase(image.page);
    const auto [older, fresh] = in_log_.try_emplace(image.page, image.offset);
    if (!fresh) {
      others_.push_back({image.page, older->second, true});
      older->second = image.offset;
    }
  }
  pages_ = std::max(pages_, pages);
}

std::string_view page_source::read(const page_image& image) {
  std::string& buffer = buffers_[next_buffer_];
  next_buffer_ = (next_buffer_ + 1) % std::size(buffers_);
  read_at(image.in_log ? log_.get() : file_.get(), image.offset, page_bytes_, buffer);
  if (!buffer.empty())
    buffer.resize(page_bytes_); // the end of a file that was cut reads as zeros
  return buffer;
}

std::string_view page_source::read(std::uint32_t page) {
  if (page == 0 || page > pages_)
    return {};
  const auto newer = in_log_.find(page);
  if (newer != in_log_.end())
    return read(page_image{page, newer->second, true});
  return read(page_image{page, std::uint64_t{page - 1} * page_bytes_, false});
}

} // namespace skein::journal
