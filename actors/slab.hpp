// A slab: items in slots that never move, named by a 32-bit number; freed slots are used again.
// The holder of a number must not use it after release(); nothing checks that but the tests.
#pragma once

#include "protocol/check.hpp"

#include <cstdint>
#include <deque>
#include <vector>

namespace skein {

inline constexpr std::uint32_t no_slot = 0xffffffffu;

template <class T>
class slab {
 public:
  std::uint32_t take() {
    if (!free_.empty()) {
      const std::uint32_t slot = free_.back();
      free_.pop_back();
      return slot;
    }
    SKEIN_CHECK(items_.size() < no_slot);
    items_.emplace_back();
    return static_cast<std::uint32_t>(items_.size() - 1);
  }
  void release(std::uint32_t slot) {
    items_[slot] = T{};
    free_.push_back(slot);
  }
  T& operator[](std::uint32_t slot) {
    SKEIN_CHECK(slot < items_.size());
    return items_[slot];
  }
  const T& operator[](std::uint32_t slot) const {
    SKEIN_CHECK(slot < items_.size());
    return items_[slot];
  }
  std::size_t used() const noexcept { return items_.size() - free_.size(); }
  /// All slots there are are below this; free ones hold T{}.
  std::uint32_t slots() const noexcept { return static_cast<std::uint32_t>(items_.size()); }

 private:
  std::deque<T> items_;
  std::vector<std::uint32_t> free_;
};

} // namespace skein
