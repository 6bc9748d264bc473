// Writing a closed bucket (dedupe_file.hpp has the layout): sorted, synced, and only then named
// whole by its header.
#include "journal/byte_words.hpp"
#include "journal/crc32c.hpp"
#include "journal/dedupe_file.hpp"
#include "journal/store_folder.hpp"

#include <algorithm>
#include <utility>

namespace skein::journal {

namespace {

/// So much is written before it is synced: the commits' own syncs wait for no more than that.
constexpr std::size_t sync_bytes = 4 << 20;

/// An identity's first half and its place in memory.
struct sorted_entry {
  std::uint64_t high = 0;
  std::uint32_t index = 0;
};

std::vector<sorted_entry> sorted(const dedupe_window& identities) {
  std::vector<sorted_entry> order;
  order.reserve(identities.size());
  for (std::size_t i = 0; i < identities.size(); ++i)
    order.push_back({identities[i].identity.high, static_cast<std::uint32_t>(i)});
  std::sort(order.begin(), order.end(), [&](const sorted_entry& a, const sorted_entry& b) {
    if (a.high != b.high)
      return a.high < b.high;
    const std::uint64_t low_of_a = identities[a.index].identity.low;
    const std::uint64_t low_of_b = identities[b.index].identity.low;
    return low_of_a != low_of_b ? low_of_a < low_of_b : a.index < b.index;
  });
  return order;
}

/// Bytes one behind the other, synced on the way.
class file_end {
 public:
  file_end(vfs_file& file, std::uint64_t at) : file_{file}, at_{at} {}

  std::string& buffer() noexcept { return buffer_; }
  result<void> flush_if_large() { return buffer_.size() >= sync_bytes ? flush() : result<void>{}; }
  result<void> flush() {
    if (auto written = file_.write(buffer_, at_); !written)
      return written;
    at_ += buffer_.size();
    buffer_.clear();
#ifdef SKEIN_BUG_DEDUPE_FILE_BEFORE_SYNC
    return {};
#endif
    return file_.sync();
  }

 private:
  vfs_file& file_;
  std::uint64_t at_;
  std::string buffer_;
};

/// A file to be written from its beginning on.
result<std::unique_ptr<vfs_file>> empty_file(const bucket_place& place) {
  if (place.vfs_is_system) {
    if (auto safe = check_store_file(place.path()); !safe)
      return safe.error();
    if (auto made = make_private_file(place.path()); !made)
      return made.error();
  }
  auto file = vfs_file::open(place.vfs, place.path(), vfs_file::how::write);
  if (!file)
    return file;
  const auto size = (*file)->size();
  if (!size)
    return size.error();
  // What is there is of an attempt that was cut short, or damaged: its header goes first.
  if (*size > 0)
    if (auto emptied = (*file)->truncate(0); !emptied)
      return emptied.error();
  return file;
}

void append_entry(std::string& out, const dedupe_window::record& each, std::uint64_t offset) {
  append_word(out, each.identity.high);
  append_word(out, each.identity.low);
  append_word(out, each.content);
  append_number(out, offset, 4);
  append_word(out, static_cast<std::uint64_t>(to_ns(each.at)));
}

result<void> write_all(const bucket_place& place, const bucket_seal& seal,
                       const dedupe_window& identities, const std::atomic<bool>& give_up) {
  auto file = empty_file(place);
  if (!file)
    return file.error();
  const std::vector<sorted_entry> order = sorted(identities);
  const std::uint64_t first_offset = identities.first() - place.begin;
  std::string directory;
  filter_bits filter{filter_size(place.size)};
  file_end out{**file, bucket_block_bytes};
  std::string block;
  for (std::size_t begin = 0; begin < order.size(); begin += bucket_block_entries) {
    if (give_up)
      return errc::draining;
    block.clear();
    append_word(directory, order[begin].high);
    const std::size_t end = std::min(begin + bucket_block_entries, order.size());
    for (std::size_t i = begin; i < end; ++i) {
      const dedupe_window::record& each = identities[order[i].index];
      filter.add(each.identity);
      append_entry(block, each, first_offset + order[i].index);
    }
    block.resize(bucket_block_bytes - 4);
    append_number(block, block_crc(place.begin, begin / bucket_block_entries, block), 4);
    out.buffer() += block;
    if (auto done = out.flush_if_large(); !done)
      return done;
  }
  bucket_header header{.store_id = place.store_id,
                       .first = identities.first(),
                       .last = identities.first() + identities.size() - 1,
                       .first_at = identities[0].at,
                       .last_at = identities[identities.size() - 1].at,
                       .seal = seal,
                       .identities = identities.size(),
                       .directory_crc = crc32c(directory),
                       .filter_crc = crc32c(filter.bytes())};
  out.buffer() += directory;
  out.buffer() += filter.bytes();
  if (auto done = out.flush(); !done)
    return done;
  if (place.vfs_is_system)
    if (auto done = sync_directory(place.directory); !done)
      return done;
  file_end front{**file, 0};
  front.buffer() = write_header(header);
  return front.flush();
}

} // namespace

result<void> write_bucket(const bucket_place& place, const bucket_seal& seal,
                          const dedupe_window& identities, const std::atomic<bool>& give_up) {
  SKEIN_CHECK(identities.size() > 0 && identities.first() >= place.begin);
  auto written = write_all(place, seal, identities, give_up);
#ifndef SKEIN_BUG_BUCKET_KEEPS_ITS_ROOM
  if (!written && written.error().code == errc::disk_full)
    static_cast<void>(vfs_file::remove(place.vfs, place.path())); // the first error is the one
#endif
  return written;
}

} // namespace skein::journal
