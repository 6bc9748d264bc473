// A loop's side of the credit for one agent. The broker's side is nodes/broker/credit_book.
//
// All three numbers only grow and are sent whole, so a lost, repeated or late message does no harm:
// the larger number is the newer one.
//   wanted    slots ever asked for          (loop -> broker)
//   granted   slots ever given              (broker -> loop)
//   returned  granted ones given back unused (loop -> broker)
#pragma once

#include "protocol/check.hpp"
#include "protocol/messages.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

namespace skein {

class slot_account {
 public:
  std::uint64_t free() const noexcept { return granted_ - used_ - returned_; }
  std::uint64_t outstanding() const noexcept { return wanted_ - granted_; }

  void granted(std::uint64_t total) noexcept {
    granted_ = std::max(granted_, total);
    wanted_ = std::max(wanted_, granted_);
  }
  void use() {
    SKEIN_CHECK(free() > 0);
    ++used_;
  }

  /// A used slot that served nothing goes back to the broker.
  void put_back() {
    SKEIN_CHECK(used_ > 0);
    --used_;
    ++returned_;
  }

  /// Adjusts the numbers to `startable` turns that could start now. True if the broker must be
  /// told.
  bool adjust(std::uint64_t startable) noexcept {
    const std::uint64_t coming = free() + outstanding();
    if (startable > coming) {
      wanted_ += startable - coming;
      return true;
    }
    if (startable == 0 && free() > 0) {
      returned_ += free();
      return true;
    }
    return false;
  }

  demand told(std::string agent) const { return {std::move(agent), wanted_, returned_}; }
  /// Whether slots were given back since the last call. Such a demand must arrive: nobody else can
  /// use them before, and this loop may have no reason to speak of that agent again.
  bool tells_return() noexcept { return std::exchange(told_returned_, returned_) != returned_; }

 private:
  std::uint64_t wanted_ = 0;
  std::uint64_t granted_ = 0;
  std::uint64_t used_ = 0;
  std::uint64_t returned_ = 0;
  std::uint64_t told_returned_ = 0;
};

} // namespace skein
