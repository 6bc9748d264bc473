// The deliveries that are not over, as bits: 4 bytes an event in chunks of 512 events. What the
// engine asks for every finish, and what `pending` is counted from.
#pragma once

#include "protocol/ids.hpp"
#include "protocol/limits.hpp"

#include <array>
#include <cstdint>
#include <map>

namespace skein::journal {

class pending_set {
 public:
  /// Bit i is delivery i.
  using mask = std::uint16_t;
  static_assert(limits::deliveries_per_event_max <= 16);
  static_assert(limits::shards_max <= 65'536);

  struct counts {
    std::uint64_t events = 0;
    std::uint64_t deliveries = 0;
  };

  bool contains(const delivery_id& delivery) const;
  /// Whether a delivery of the event lives.
  bool holds(std::uint64_t sequence) const;

  /// The event must not be here yet, `live` not be empty.
  void add(event_id event, mask live);
  /// Takes an event out whole, as if it had never been added.
  void drop(event_id event);

  /// The delivery must be here. Returns what is left of its event.
  mask remove(const delivery_id& delivery);
  /// Undoes remove().
  void restore(const delivery_id& delivery);

  /// Counted anew, bit by bit.
  counts count() const;
  /// The smallest sequence of an event that is here; `if_empty` if there is none.
  std::uint64_t lowest(std::uint64_t if_empty) const;

 private:
  static constexpr std::size_t chunk_events = 512;
  struct chunk {
    std::array<mask, chunk_events> live{};
    std::array<std::uint16_t, chunk_events> shard{};
    std::uint32_t events = 0; // with a live delivery
  };
  using chunks = std::map<std::uint64_t, chunk>;

  chunks::iterator find(std::uint64_t sequence) const;
  void set(event_id event, mask live);

  mutable chunks chunks_;
  mutable chunks::iterator last_ = chunks_.end(); // found last; most calls stay near it
};

} // namespace skein::journal
