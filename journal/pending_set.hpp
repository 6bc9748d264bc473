// The deliveries that are not over, as bits, with what a start must know of their events. What the
// engine asks for every finish, and what `pending` is counted from. By ranges of sequences:
//
//   few events    one list of marks in order of sequence, 12 bytes each
//   more          chunks of 512 sequences, each of them a list (12 bytes an event) or, from 256
//                 events on, an array (6 bytes a sequence)
//
// so that neither a dense backlog nor events that wait far apart cost more than a few bytes each.
#pragma once

#include "protocol/ids.hpp"
#include "protocol/limits.hpp"
#include "protocol/time.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace skein::journal {

/// Number of a list of deliveries in the store's route_book; 0 = in none, its row tells.
using route_code = std::uint16_t;
inline constexpr route_code route_codes_max = 0x3fff;

/// What is kept of a pending event.
struct pending_mark {
  std::uint16_t live = 0; // bit i: delivery i is not over; 0 = no pending event here
  std::uint16_t shard = 0;
  std::uint16_t tag = 0; // the route's code, and in the two highest bits what times it has

  route_code route() const noexcept { return tag & route_codes_max; }
  /// It was due later than accepted.
  bool delayed() const noexcept { return (tag & delayed_bit) != 0; }
  bool expires() const noexcept { return (tag & expires_bit) != 0; }
  static std::uint16_t tag_of(route_code route, bool delayed, bool expires) noexcept {
    return static_cast<std::uint16_t>(route | (delayed ? delayed_bit : 0u) |
                                      (expires ? expires_bit : 0u));
  }
  static constexpr std::uint16_t delayed_bit = 0x8000;
  static constexpr std::uint16_t expires_bit = 0x4000;
  friend bool operator==(const pending_mark&, const pending_mark&) = default;
};

/// Whether an event accepted at `at` is delayed.
constexpr bool is_delayed(instant due, instant at) noexcept {
  return due != no_instant && due > at;
}

/// A pending event at its place in a range.
struct placed_mark {
  std::uint32_t slot = 0; // sequence within the range
  pending_mark mark;
  friend bool operator==(const placed_mark&, const placed_mark&) = default;
};

/// In order of slots.
using placed_marks = std::vector<placed_mark>;

class pending_set {
 public:
  /// Bit i is delivery i.
  using mask = std::uint16_t;
  static_assert(limits::deliveries_per_event_max <= 16);
  static_assert(limits::shards_max <= 65'536);

  explicit pending_set(std::uint64_t range_events = limits::range_events);

  struct counts {
    std::uint64_t events = 0;
    std::uint64_t deliveries = 0;
  };

  bool contains(const delivery_id& delivery) const;
  /// Whether a delivery of the event lives.
  bool holds(std::uint64_t sequence) const { return at(sequence).live != 0; }
  /// Of an event that is here; nothing pending for any other.
  pending_mark at(std::uint64_t sequence) const;

  /// The event must not be here yet, `live` not be empty.
  void add(event_id event, mask live, std::uint16_t tag = 0);
  /// Takes an event out whole, as if it had never been added.
  void drop(event_id event);

  /// The delivery must be here. Returns what is left of its event.
  pending_mark remove(const delivery_id& delivery);
  /// Undoes remove(), whose mark had this tag.
  void restore(const delivery_id& delivery, std::uint16_t tag);

  /// Counted bit by bit, anew in each range that was changed since the last count.
  counts count() const;
  /// The smallest sequence of an event that is here; `if_empty` if there is none.
  std::uint64_t lowest(std::uint64_t if_empty) const;

  // ---- by range, for what keeps them on disk ----

  std::uint64_t range_events() const noexcept { return range_events_; }
  std::uint64_t range_of(std::uint64_t sequence) const noexcept { return sequence / range_events_; }
  /// Numbers of the ranges that hold events or were changed since they were called unchanged.
  std::vector<std::uint64_t> ranges() const;
  std::vector<std::uint64_t> changed_ranges() const;
  /// As it lies on disk now.
  void set_unchanged(std::uint64_t number);
  void set_changed(std::uint64_t number);
  placed_marks marks_of(std::uint64_t number) const;
  /// A whole range as it was kept; replaces what is there.
  void put(std::uint64_t number, const placed_marks& marks);
  std::size_t ranges_held() const noexcept { return ranges_.size(); }
  /// Heap bytes, about.
  std::size_t bytes() const;

 private:
  static constexpr std::uint32_t chunk_events = 512;
  using dense = std::array<pending_mark, chunk_events>;
  struct chunk {
    placed_marks few;           // unless there is `all`
    std::unique_ptr<dense> all; // index = slot within the chunk
    std::uint32_t events = 0;
  };
  struct range {
    placed_marks few; // unless there are chunks
    std::vector<chunk> chunks;
    std::uint32_t events = 0;
    bool changed = true;
    mutable std::optional<counts> counted;
  };
  using ranges_by_number = std::map<std::uint64_t, range>;

  range* find(std::uint64_t sequence) const;
  void set(std::uint64_t sequence, const pending_mark& mark);
  void set_in(range& in, std::uint32_t slot, const pending_mark& mark) const;
  static void set_in(chunk& in, std::uint32_t slot, const pending_mark& mark);
  static pending_mark mark_in(const chunk& in, std::uint32_t slot);
  static pending_mark mark_in(const range& in, std::uint32_t slot);
  void split(range& in) const;
  static void join(range& in);
  template <class Each>
  static void each_mark(const range& in, Each each);

  std::uint64_t range_events_;
  mutable ranges_by_number ranges_;
  mutable ranges_by_number::iterator last_ = ranges_.end(); // found last; most calls stay near it
};

} // namespace skein::journal
