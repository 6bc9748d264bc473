// Numbers of events, first in, first out, in one to three bytes each: what a loop remembers of a
// delivery that stays on disk. Steps from one number to the next are kept as zigzag varints, in
// blocks that go when they are read.
#pragma once

#include "protocol/check.hpp"

#include <cstdint>
#include <deque>
#include <vector>

namespace skein {

class sequence_queue {
 public:
  void push(std::uint64_t sequence) {
    if (blocks_.empty() || blocks_.back().size() >= block_bytes)
      blocks_.emplace_back();
    const auto step = static_cast<std::int64_t>(sequence - last_in_);
    auto rest = static_cast<std::uint64_t>(step) << 1 ^ static_cast<std::uint64_t>(step >> 63);
    last_in_ = sequence;
    for (; rest >= 0x80; rest >>= 7)
      blocks_.back().push_back(static_cast<std::uint8_t>(rest | 0x80));
    blocks_.back().push_back(static_cast<std::uint8_t>(rest));
    ++size_;
  }

  /// There must be one.
  std::uint64_t pop() {
    SKEIN_CHECK(size_ > 0);
    const std::vector<std::uint8_t>& front = blocks_.front();
    std::uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      const std::uint8_t byte = front[at_++];
      value |= std::uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80)
        break;
    }
    last_out_ += value >> 1 ^ (0 - (value & 1));
    if (at_ == front.size()) {
      blocks_.pop_front();
      at_ = 0;
    }
    --size_;
    return last_out_;
  }

  bool empty() const noexcept { return size_ == 0; }
  std::size_t size() const noexcept { return size_; }

 private:
  static constexpr std::size_t block_bytes = 4'080;

  std::deque<std::vector<std::uint8_t>> blocks_;
  std::size_t at_ = 0; // in the first block
  std::size_t size_ = 0;
  std::uint64_t last_in_ = 0;
  std::uint64_t last_out_ = 0;
};

} // namespace skein
