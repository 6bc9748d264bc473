// A slab: items in slots that never move, named by a 32-bit number; freed slots are used again.
// The holder of a number must not use it after release(); nothing checks that but the tests.
// Its pages have a power of two of items, so that finding one costs no division: a loop looks into
// its slabs dozens of times an event.
#pragma once

#include "protocol/check.hpp"

#include <cstdint>
#include <memory>
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
    SKEIN_CHECK(slots_ < no_slot);
    if (slots_ % page_items == 0)
      pages_.push_back(std::make_unique<T[]>(page_items));
    return slots_++;
  }
  void release(std::uint32_t slot) {
    (*this)[slot] = T{};
    free_.push_back(slot);
  }
  T& operator[](std::uint32_t slot) {
    SKEIN_CHECK(slot < slots_);
    return pages_[slot / page_items][slot % page_items];
  }
  const T& operator[](std::uint32_t slot) const {
    SKEIN_CHECK(slot < slots_);
    return pages_[slot / page_items][slot % page_items];
  }
  std::size_t used() const noexcept { return slots_ - free_.size(); }
  /// All slots there are are below this; free ones hold T{}.
  std::uint32_t slots() const noexcept { return slots_; }

 private:
  static constexpr std::uint32_t page_items = 256;

  std::vector<std::unique_ptr<T[]>> pages_;
  std::uint32_t slots_ = 0;
  std::vector<std::uint32_t> free_;
};

} // namespace skein
