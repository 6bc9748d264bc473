// scheduler_core: events that become due, and those that expire.
//
// A due event enters its lane at its time, but at first it may be *unripe*: an event accepted
// before that time may still be in a commit under way, of this loop or of another one that emits to
// it, and stands before it in the lane, as it will after a restart. Answers come in commit order,
// so the place is certain when all that is with the journal now is answered. With other loops
// beside this one an empty submit marks that point.
#include "actors/scheduler_core.hpp"

#include <algorithm>
#include <utility>

namespace skein {

/// Before each input: what is due is in its lane before anything later can start.
void scheduler_core::fire_due_timers() {
  while (const auto key = timers_.take_due(now_.wall))
    fire_timer(key->sequence, key->expiry);
}

void scheduler_core::fire_timer(std::uint64_t sequence, bool expiry) {
  const std::uint32_t event = lanes_.find_event(sequence);
  if (event == no_slot)
    return; // over already: a stale key
  if (!expiry) {
    wake_sleepers(event);
    return;
  }
  for (const std::uint32_t slot : deliveries_of(event))
    end_by_word(slot, delivery_state::expired, "expired before it was done");
}

void scheduler_core::wake_sleepers(std::uint32_t event) {
  const std::string key = std::exchange(lanes_.events[event].sleeping_key, {});
  for (const std::uint32_t slot : deliveries_of(event))
    if (lanes_.deliveries[slot].at == stage::sleeping)
#ifdef SKEIN_BUG_DUE_OVERTAKES_COMMITS
      lanes_.enter(slot, key, lanes_.deliveries[slot].ready_at, true);
#else
      lanes_.enter(slot, key, lanes_.deliveries[slot].ready_at, false);
#endif
  due_now_.push_back(lanes_.events[event].id.sequence);
}

/// Nothing is under way anywhere: what has become due has its place.
void scheduler_core::settle_places() {
  if (settings_.loops > 1 || !contexts_.empty())
    return;
  for (const std::uint64_t sequence : std::exchange(due_now_, {}))
    ripen(sequence);
}

/// After the submits: what has become due waits for the last of them.
void scheduler_core::mark_barrier() {
  if (due_now_.empty())
    return;
  if (settings_.loops > 1)
    hand_over({}, {});
  for (const std::uint64_t sequence : std::exchange(due_now_, {}))
    ripening_.push_back({sequence, submitted_});
}

void scheduler_core::ripen(std::uint64_t sequence) {
  const std::uint32_t event = lanes_.find_event(sequence);
  if (event == no_slot)
    return; // cancelled or expired meanwhile
  for (const std::uint32_t slot : deliveries_of(event))
    lanes_.ripen(slot);
}

/// Of the event that are still here, in order of index.
std::vector<std::uint32_t> scheduler_core::deliveries_of(std::uint32_t event) const {
  std::vector<std::uint32_t> slots;
  for (std::uint32_t at = lanes_.events[event].first_delivery; at != no_slot;
       at = lanes_.deliveries[at].next_sibling)
    slots.push_back(at);
  std::reverse(slots.begin(), slots.end());
  return slots;
}

} // namespace skein
