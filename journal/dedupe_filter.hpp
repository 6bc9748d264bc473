// Which closed buckets may hold an identity: Bloom filters of 16 buckets side by side, so that one
// look at a position tells of all of them.
//
//   a bucket's filter   20 bits an identity, 10 positions each: 0.01 % of the identities that a
//                       bucket does not have look as if it did
//   group               of each position 16 bits, one a bucket (its column): the bits at the
//                       positions of an identity, ANDed, leave the buckets that may have it;
//                       mostly none is left after four positions
#pragma once

#include "protocol/check.hpp"
#include "protocol/ids.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace skein::journal {

inline constexpr std::size_t filter_bits_per_identity = 20;
/// 14 would give the fewest errors, but fill half of the bits: then more positions are looked at
/// until no bucket is left.
inline constexpr unsigned filter_positions = 10;

/// Of an identity in the filters of buckets of one size.
class filter_probe {
 public:
  /// `size` in positions, less than 2^32.
  filter_probe(const hash128& identity, std::uint64_t size) noexcept
    : at_{identity.high}, step_{identity.low | 1}, size_{size} {}
  /// The next position; the first is 0 to size - 1 by the first half, the others stepped by the
  /// second.
  std::uint64_t next() noexcept {
    const std::uint64_t position = (at_ >> 32) * size_ >> 32;
    at_ += step_;
    return position;
  }

 private:
  std::uint64_t at_;
  std::uint64_t step_;
  std::uint64_t size_;
};

/// Positions of a filter for so many identities: a multiple of 8.
constexpr std::uint64_t filter_size(std::uint64_t identities) noexcept {
  return (identities * filter_bits_per_identity + 7) / 8 * 8;
}

/// A bucket's own filter, as it lies in its file: position p is bit p % 8 of byte p / 8.
class filter_bits {
 public:
  explicit filter_bits(std::uint64_t size) : size_{size}, bytes_(size / 8, '\0') {}
  void add(const hash128& identity) noexcept {
    filter_probe probe{identity, size_};
    for (unsigned i = 0; i < filter_positions; ++i) {
      const std::uint64_t at = probe.next();
      bytes_[at / 8] = static_cast<char>(bytes_[at / 8] | 1 << (at % 8));
    }
  }
  const std::string& bytes() const noexcept { return bytes_; }

 private:
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
    filter_probe probe{identity, size_};
    for (unsigned i = 0; i < filter_positions && among != 0; ++i)
      among &= at(probe.next());
    return among;
  }
  /// The first positions that ask() looks at.
  void prefetch(const hash128& identity) const noexcept;

  std::size_t bytes() const noexcept { return words_ * sizeof(std::uint64_t); }

 private:
  struct unmap {
    std::size_t bytes;
    void operator()(std::uint64_t* memory) const noexcept;
  };
  mask at(std::uint64_t position) const noexcept;

  std::uint64_t size_; // in positions
  std::size_t words_;  // four positions each
  std::unique_ptr<std::uint64_t[], unmap> memory_;
};

} // namespace skein::journal
