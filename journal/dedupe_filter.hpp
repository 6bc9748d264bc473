// Which closed buckets may hold an identity: Bloom filters of 16 buckets side by side, so that one
// look at a position tells of all of them.
//
//   a bucket's filter   24 bits an identity, 11 positions each: 0.003 % of the identities that a
//                       bucket does not have look as if it did
//   positions           the first five in one block of 32 (Putze, Sanders, Singler: Cache-, hash-
//                       and space-efficient Bloom filters, 2007), the others anywhere
//   group               of each position 16 bits, one a bucket (its column): the bits at the
//                       positions of an identity, ANDed, leave the buckets that may have it. A
//                       block is a line of the processor's cache, and behind it no bucket is left
//                       for three identities of four
#pragma once

#include "protocol/check.hpp"
#include "protocol/ids.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace skein::journal {

inline constexpr std::size_t filter_bits_per_identity = 24;
/// 17 anywhere would give the fewest errors, but fill half of the bits: then more of them are
/// looked at until no bucket is left.
inline constexpr unsigned filter_positions = 11;
inline constexpr unsigned filter_near_positions = 5; // of them, in one block
inline constexpr unsigned filter_block_bits = 5;
inline constexpr std::uint64_t filter_block = 1 << filter_block_bits; // positions

/// Of an identity in the filters of buckets of one size.
class filter_probe {
 public:
  /// `size` in positions, less than 2^32, a multiple of a block.
  filter_probe(const hash128& identity, std::uint64_t size) noexcept
    : block_{((identity.high >> 32) * (size / filter_block) >> 32) * filter_block},
      in_block_{identity.low}, at_{identity.low}, step_{identity.high | 1}, size_{size} {}
  /// The first block, where the first positions are.
  std::uint64_t block() const noexcept { return block_; }
  /// The next of those in the block.
  std::uint64_t next_near() noexcept {
    const std::uint64_t position = block_ + (in_block_ & (filter_block - 1));
    in_block_ >>= filter_block_bits;
    return position;
  }
  /// The next of the others: the first by bits that no other has used, then in steps.
  std::uint64_t next_far() noexcept {
    const std::uint64_t position = (at_ >> 32) * size_ >> 32;
    at_ += step_;
    return position;
  }

 private:
  std::uint64_t block_;
  std::uint64_t in_block_;
  std::uint64_t at_;
  std::uint64_t step_;
  std::uint64_t size_;
};

/// Positions of a filter for so many identities: whole blocks.
constexpr std::uint64_t filter_size(std::uint64_t identities) noexcept {
  return (identities * filter_bits_per_identity + filter_block - 1) / filter_block * filter_block;
}

/// A bucket's own filter, as it lies in its file: position p is bit p % 8 of byte p / 8.
class filter_bits {
 public:
  explicit filter_bits(std::uint64_t size) : size_{size}, bytes_(size / 8, '\0') {}
  void add(const hash128& identity) noexcept {
    filter_probe probe{identity, size_};
    for (unsigned i = 0; i < filter_near_positions; ++i)
      set(probe.next_near());
    for (unsigned i = filter_near_positions; i < filter_positions; ++i)
      set(probe.next_far());
  }
  const std::string& bytes() const noexcept { return bytes_; }

 private:
  void set(std::uint64_t at) noexcept {
    bytes_[at / 8] = static_cast<char>(bytes_[at / 8] | 1 << (at % 8));
  }

  std::uint64_t size_;
  std::string bytes_;
};

/// Columns are filled by one thread at a time, while another one asks; a column must not be asked
/// for while it is being filled.
class filter_group {
 public:
  static constexpr unsigned columns = 16;
  using mask = std::uint32_t; // bit c: column c

  explicit filter_group(std::uint64_t size);
  filter_group(const filter_group&) = delete;
  filter_group& operator=(const filter_group&) = delete;

  /// Puts a bucket's filter in the place of what the column held.
  void fill(unsigned column, std::string_view bits);

  /// Which of these columns may have it.
  mask ask(const hash128& identity, mask among) const noexcept {
    return ask_far(identity, ask_near(identity, among));
  }
  /// The same in three steps, for who has many to ask for: each asks the memory for what the next
  /// one begins with.
  void prefetch(const hash128& identity) const noexcept {
    prefetch(filter_probe{identity, size_}.block());
  }
  mask ask_near(const hash128& identity, mask among) const noexcept {
    filter_probe probe{identity, size_};
    for (unsigned i = 0; i < filter_near_positions; ++i)
      among &= at(probe.next_near());
    if (among != 0)
      prefetch(probe.next_far());
    return among;
  }
  mask ask_far(const hash128& identity, mask among) const noexcept {
    filter_probe probe{identity, size_};
    for (unsigned i = filter_near_positions; i < filter_positions && among != 0; ++i)
      among &= at(probe.next_far());
    return among;
  }

  std::size_t bytes() const noexcept { return words_ * sizeof(std::uint64_t); }

 private:
  struct unmap {
    std::size_t bytes;
    void operator()(std::uint64_t* memory) const noexcept;
  };
  void prefetch(std::uint64_t position) const noexcept {
    __builtin_prefetch(&memory_[position / positions_per_word]);
  }
  mask at(std::uint64_t position) const noexcept {
    const std::atomic_ref word{memory_[position / positions_per_word]};
    return static_cast<mask>(word.load(std::memory_order_relaxed) >>
                             (position % positions_per_word * columns)) &
           0xffffu;
  }

  static constexpr unsigned positions_per_word = 64 / columns;

  std::uint64_t size_; // in positions
  std::size_t words_;
  std::unique_ptr<std::uint64_t[], unmap> memory_;
};

} // namespace skein::journal
