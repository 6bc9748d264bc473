// Identities of one shard in memory, in the order in which they were accepted: a deque of records
// and a table of slots that finds them by open addressing.
#pragma once

#include "journal/identity_window.hpp"

#include <deque>
#include <optional>
#include <vector>

namespace skein::journal {

class identity_bucket {
 public:
  struct record {
    hash128 identity;
    std::uint64_t content = 0;
    std::uint64_t sequence = 0;
    instant at = no_instant;
  };

  /// The newest that has it and was accepted after `oldest`.
  const record* find(const hash128& identity, instant oldest) const noexcept;
  /// Asks the memory for where find() begins.
  void prefetch(const hash128& identity) const noexcept {
    if (!slots_.empty())
      __builtin_prefetch(&slots_[identity.low & (slots_.size() - 1)]);
  }
  void insert(const record& made);
  /// Forgets the last one if its sequence is not below.
  bool take_back(std::uint64_t sequence);
  /// Forgets the first one if it was not accepted after `oldest`.
  bool expire(instant oldest);

  std::size_t size() const noexcept { return records_.size(); }
  bool empty() const noexcept { return records_.empty(); }
  const std::deque<record>& records() const noexcept { return records_; }

 private:
  /// Number of the record, which counts from the first there ever was; 0 = free.
  using slot = std::uint32_t;
  const record& record_of(slot number) const noexcept {
    return records_[static_cast<slot>(number - first_)];
  }
  void place(const hash128& identity, slot number);
  void remove(const hash128& identity, slot number);
  void grow();

  slot first_ = 1;
  std::deque<record> records_;
  std::vector<slot> slots_; // a power of two, or none; at most half full
};

} // namespace skein::journal
