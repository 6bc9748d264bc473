// Identities of events that follow each other, in memory: what the dedupe window has not yet
// closed into a file (dedupe_buckets).
//
//   records   one an event, in order of sequence, which is the order of time: what a lookup reads
//             and what expires from the front (32 bytes)
//   slots     open addressing by the identity's low half, in 256 tables that grow one by one, so
//             that no commit waits for a large rehash (8 bytes a slot, at most 3/4 full)
//
// Exact by time: a record that is old enough is not found, whether it was swept out or not.
#pragma once

#include "journal/identity_window.hpp"
#include "protocol/ids.hpp"
#include "protocol/time.hpp"

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

namespace skein::journal {

class dedupe_window {
 public:
  explicit dedupe_window(duration window);

  struct record {
    hash128 identity;
    std::uint64_t content = 0;
    instant at = no_instant;
  };
  using known = identity_window::known;
  /// The event that has this identity, unless it is out of the window at `now`.
  std::optional<known> find(const hash128& identity, instant now) const;

  /// Sequences follow each other without gaps; `at` does not go back.
  void insert(const hash128& identity, std::uint64_t content, std::uint64_t sequence, instant at);

  /// Forgets every record from this sequence on; undoes inserts.
  void take_back(std::uint64_t sequence);

  /// Sweeps out at most so many records that are old enough; false when there are no more.
  bool expire(instant now, std::size_t records_max);

  /// Asks the memory for where find() will begin.
  void prefetch(const hash128& identity) const noexcept;

  std::size_t size() const noexcept { return records_.size(); }
  std::uint64_t first() const noexcept { return first_; } // sequence of record(0)
  const record& operator[](std::size_t index) const { return records_[index]; }

 private:
  /// `low32` is the sequence's low half: unique, as a window holds fewer than 2^32 records.
  struct slot {
    std::uint32_t tag = 0;
    std::uint32_t low32 = 0;
    bool used() const noexcept { return tag != 0; }
  };
  struct table {
    std::vector<slot> slots; // a power of two, or none
    std::size_t used = 0;
  };

  static std::uint32_t tag_of(const hash128& identity) noexcept;
  table& table_of(const hash128& identity) noexcept { return tables_[identity.low >> 56]; }
  const table& table_of(const hash128& identity) const noexcept {
    return tables_[identity.low >> 56];
  }
  const record& record_of(std::uint32_t low32) const noexcept {
    return records_[low32 - static_cast<std::uint32_t>(first_)];
  }
  bool is_old(const record& one, instant now) const noexcept { return now - one.at >= window_; }
  void place(table& in, std::uint32_t tag, std::uint64_t home, std::uint32_t low32);
  void grow(table& in);
  void remove_slot(const hash128& identity, std::uint32_t low32);

  duration window_;
  std::uint64_t first_ = 1; // sequence of records_.front()
  std::deque<record> records_;
  std::array<table, 256> tables_;
};

} // namespace skein::journal
