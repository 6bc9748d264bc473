// A map from a non-zero 64-bit number to a slot: open addressing with linear probing, no allocation
// an entry, erasing by shifting back (Knuth, vol. 3, 6.4, algorithm R). At most 3/4 full.
#pragma once

#include "actors/slab.hpp"

#include <cstdint>
#include <vector>

namespace skein {

class flat_index {
 public:
  std::uint32_t find(std::uint64_t key) const noexcept {
    if (cells_.empty())
      return no_slot;
    for (std::size_t at = home(key);; at = next(at)) {
      if (cells_[at].key == key)
        return cells_[at].slot;
      if (cells_[at].key == 0)
        return no_slot;
    }
  }

  /// `key` must be non-zero and absent.
  void insert(std::uint64_t key, std::uint32_t slot) {
    SKEIN_CHECK(key != 0);
    if ((size_ + 1) * 4 > cells_.size() * 3)
      grow();
    place(key, slot);
    ++size_;
  }

  void erase(std::uint64_t key) noexcept {
    if (cells_.empty())
      return;
    std::size_t hole = home(key);
    while (cells_[hole].key != key) {
      if (cells_[hole].key == 0)
        return;
      hole = next(hole);
    }
    for (std::size_t at = next(hole); cells_[at].key != 0; at = next(at)) {
      const std::size_t distance_home = (at - home(cells_[at].key)) & mask();
      const std::size_t distance_hole = (at - hole) & mask();
      if (distance_home >= distance_hole) {
        cells_[hole] = cells_[at];
        hole = at;
      }
    }
    cells_[hole] = cell{};
    --size_;
  }

  std::size_t size() const noexcept { return size_; }

 private:
  struct cell {
    std::uint64_t key = 0;
    std::uint32_t slot = no_slot;
  };
  std::size_t mask() const noexcept { return cells_.size() - 1; }
  std::size_t home(std::uint64_t key) const noexcept {
    return static_cast<std::size_t>((key * 0x9e3779b97f4a7c15ull) >> 20) & mask();
  }
  std::size_t next(std::size_t at) const noexcept { return (at + 1) & mask(); }
  void place(std::uint64_t key, std::uint32_t slot) noexcept {
    std::size_t at = home(key);
    while (cells_[at].key != 0)
      at = next(at);
    cells_[at] = cell{key, slot};
  }
  void grow() {
    std::vector<cell> old(cells_.empty() ? 64 : cells_.size() * 2);
    old.swap(cells_);
    for (const cell& each : old)
      if (each.key != 0)
        place(each.key, each.slot);
  }

  std::vector<cell> cells_;
  std::size_t size_ = 0;
};

} // namespace skein
