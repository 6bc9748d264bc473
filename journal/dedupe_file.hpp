// A closed bucket of the dedupe window: DIR/dedupe/FIRST.ids, FIRST being the sequence at which the
// bucket begins, in 16 hex digits. Never changed. It is made from what journal.db has in its
// commits, so a file that is missing or damaged is made anew from there.
//
//   header     4 KiB: magic "skein-id" (8), version (4), store id (16), first and last sequence (8
//              each), first and last time (8 each), the commit that the last one is in (8), that
//              commit's digest (16), identities (8), CRC-32C of the directory and of the filter (4
//              each), zeros, CRC-32C (4) of all before it
//   blocks     4 KiB each: up to 113 entries in order of identity: identity (16), content (8),
//              sequence - FIRST (4), time (8); zeros, CRC-32C (4) of FIRST, the block's number and
//              all before it
//   directory  a block: the first half of its first identity (8)
//   filter     (dedupe_filter)
//
// Numbers are big-endian, times in nanoseconds since 1970 UTC. The header is written when all
// behind it is synced: a file that was not finished has none.
#pragma once

#include "journal/dedupe_filter.hpp"
#include "journal/dedupe_window.hpp"
#include "journal/vfs_file.hpp"

#include <atomic>
#include <optional>
#include <vector>

namespace skein::journal {

/// Where the last identity of a bucket stands: names the history that the file was made from.
struct bucket_seal {
  commit_no commit{};
  hash128 digest;
  friend bool operator==(const bucket_seal&, const bucket_seal&) = default;
};

struct bucket_header {
  std::string store_id; // 16 hex digits
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  instant first_at = no_instant;
  instant last_at = no_instant;
  bucket_seal seal;
  std::uint64_t identities = 0;
  std::uint32_t directory_crc = 0;
  std::uint32_t filter_crc = 0;

  friend bool operator==(const bucket_header&, const bucket_header&) = default;
};

inline constexpr std::size_t bucket_block_bytes = 4'096; // of the header too
inline constexpr std::size_t bucket_entry_bytes = 36;
inline constexpr std::size_t bucket_block_entries = (bucket_block_bytes - 4) / bucket_entry_bytes;

std::string write_header(const bucket_header& header);
/// Empty for what is not a whole header of this version.
std::optional<bucket_header> read_header(std::string_view bytes);
/// Of what stands before it in block `number` of the bucket that begins there.
std::uint32_t block_crc(std::uint64_t begin, std::uint64_t number, std::string_view entries);

/// Of a file of a bucket of `size` with so many identities.
std::uint64_t bucket_bytes(std::uint64_t identities, std::uint64_t size);

/// Where a bucket lies, and for whom.
struct bucket_place {
  std::string vfs;
  bool vfs_is_system = true; // the files lie in the directory
  std::string directory;     // DIR/dedupe
  std::string store_id;
  std::uint64_t begin = 0; // the sequence at which the bucket begins, in its name
  std::uint64_t size = 0;  // identities of a whole bucket
  std::string path() const;
  std::uint64_t last() const noexcept { return begin + size - 1; }
};

/// One bucket, open for reading. One thread.
class bucket_file {
 public:
  /// Empty if there is none or it is not whole or of something else: all but its blocks is checked.
  static result<std::optional<bucket_file>> open(const bucket_place& place);

  struct entry {
    std::uint64_t content = 0;
    std::uint64_t sequence = 0;
    instant at = no_instant;
  };
  /// The newest entry of this identity. store_corrupt: its block is damaged.
  result<std::optional<entry>> find(const hash128& identity);

  /// find() will be asked for this: lets the system begin to read its block.
  void will_find(const hash128& identity) noexcept;

  /// Every block.
  result<void> check();

  const bucket_header& header() const noexcept { return header_; }
  std::uint64_t bytes() const noexcept;
  /// The filter, once: the memory goes with it.
  std::string take_filter() { return std::move(filter_); }

 private:
  bucket_file() = default;
  result<void> read_block(std::size_t number, std::string& bytes);
  std::size_t entries_of(std::size_t block) const noexcept;
  std::size_t first_block_of(const hash128& identity) const noexcept;

  bucket_place place_;
  bucket_header header_;
  std::unique_ptr<vfs_file> file_;
  std::vector<std::uint64_t> directory_;
  std::string filter_;
  std::string block_; // the one read last
};

/// Writes a bucket's file from the identities in memory, which must be sealed: nobody changes them.
/// Another thread may raise `give_up`: then what was begun stays without a header, and the answer
/// is errc::draining. What was begun of one that found no room is removed, so that the room is
/// there for commits. `identities` are not empty.
result<void> write_bucket(const bucket_place& place, const bucket_seal& seal,
                          const dedupe_window& identities, const std::atomic<bool>& give_up);

} // namespace skein::journal
