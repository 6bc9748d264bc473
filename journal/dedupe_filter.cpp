#include "journal/dedupe_filter.hpp"

#include <array>
#include <new>
#include <sys/mman.h>

namespace skein::journal {

namespace {

/// Bit 0 of each position of a word.
constexpr std::uint64_t first_column = 0x0001'0001'0001'0001;

/// A word has four positions.
constexpr std::array<std::uint64_t, 16> spread_nibbles() {
  std::array<std::uint64_t, 16> spread{};
  for (unsigned nibble = 0; nibble < 16; ++nibble)
    for (unsigned bit = 0; bit < 4; ++bit)
      if ((nibble >> bit & 1) != 0)
        spread[nibble] |= std::uint64_t{1} << (bit * filter_group::columns);
  return spread;
}

constexpr auto spread = spread_nibbles();

/// Zeros from the system; in large pages if there are some, as every look is somewhere else.
std::uint64_t* map_zeros(std::size_t bytes) {
  void* const memory =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    throw std::bad_alloc{};
  ::madvise(memory, bytes, MADV_HUGEPAGE);
  return static_cast<std::uint64_t*>(memory);
}

} // namespace

void filter_group::unmap::operator()(std::uint64_t* memory) const noexcept {
  ::munmap(memory, bytes);
}

filter_group::filter_group(std::uint64_t size)
  : size_{size}, words_{(size + positions_per_word - 1) / positions_per_word},
    memory_{map_zeros(bytes()), unmap{bytes()}} {
  SKEIN_CHECK(size > 0 && size % filter_block == 0);
}

void filter_group::fill(unsigned column, std::string_view bits) {
  SKEIN_CHECK(column < columns && bits.size() * 8 == size_);
  const std::uint64_t others = ~(first_column << column);
  for (std::size_t i = 0; i < words_; ++i) {
    const auto byte = static_cast<unsigned char>(bits[i / 2]);
    const unsigned nibble = i % 2 == 0 ? byte & 15u : byte >> 4;
    const std::atomic_ref word{memory_[i]};
    word.store((word.load(std::memory_order_relaxed) & others) | spread[nibble] << column,
               std::memory_order_relaxed);
  }
}

} // namespace skein::journal
