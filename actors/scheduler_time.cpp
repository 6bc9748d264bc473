// scheduler_core: events that become due, and those that expire.
//
// A due event enters its lane at its time, but at first it may be *unripe*: an event accepted
// before that time may still be in a commit under way, of this loop or of another one that emits to
// it, and stands before it in the lane, as it will after a restart. If no such commit brings this
// loop an event (its own it knows, the others' the store has announced), its place is certain at
// once. Else, as answers come in commit order, when all that is with the journal now is answered;
// behind commits of others an empty submit marks that point.
#include "actors/scheduler_core.hpp"

#include "protocol/check.hpp"

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
  if (!expiry) {
    if (event != no_slot)
      wake_sleepers(event);
    return; // else it is over already: a stale key
  }
  if (event == no_slot ? !is_all_here() : lanes_.events[event].away > 0)
    want(sequence);
  if (event == no_slot)
    return;
  for (const std::uint32_t slot : deliveries_of(event))
    end_by_word(slot, delivery_state::expired, "expired before it was done");
}

void scheduler_core::wake_sleepers(std::uint32_t event) {
  const std::string key = std::exchange(lanes_.events[event].sleeping_key, {});
  if (key.empty())
    return;
  --sleeping_;
#ifdef SKEIN_BUG_DUE_OVERTAKES_COMMITS
  constexpr bool ripe = true;
#else
  const bool ripe = !may_be_preceded();
#endif
  const event_id id = lanes_.events[event].id;
  instant ready_at = no_instant;
  for (const std::uint32_t slot : deliveries_of(event)) {
    const live_delivery& each = lanes_.deliveries[slot];
    if (each.at != stage::sleeping)
      continue;
    const lane_place place{ready_at = each.ready_at, id.sequence};
    away_list* list = list_for(tenure_of(id.shard), each.agent, key, place);
    if (list != nullptr) {
      know_timer({each.ready_at, id, false});
      put_late(*list, place);
      forget(slot);
    } else {
      enter_lane(slot, key, place.ready_at, ripe);
    }
  }
  if (!ripe)
    has_become_due({ready_at, id.sequence});
}

void scheduler_core::has_become_due(const lane_place& at) {
  if (due_now_.empty() || due_now_.back() != at)
    due_now_.push_back(at);
}

/// What stands before it has its place for good.
lane_place scheduler_core::certain_until() const noexcept {
  lane_place until{instant::max(), 0};
  for (const lane_place& each : due_now_)
    until = std::min(until, each);
  for (const ripening& each : ripening_)
    until = std::min(until, each.at);
  return until;
}

/// A commit that is under way, or its answer, may bring an event that was accepted before now.
bool scheduler_core::may_be_preceded() const noexcept {
  return bringing_ > 0 || foreign_announced_ != foreign_told_;
}

/// Nothing is under way anywhere that brings events: what has become due has its place.
void scheduler_core::settle_places() {
  if (may_be_preceded())
    return;
  for (const lane_place& each : std::exchange(due_now_, {}))
    ripen(each.sequence);
}

/// After the submits: what has become due waits for the last of them.
void scheduler_core::mark_barrier() {
  if (due_now_.empty())
    return;
  // Others are not only loops: jobs bring events too, to a loop that is alone.
  if (foreign_announced_ != foreign_told_)
    hand_over({}, {});
  SKEIN_CHECK(answered_ < submitted_); // else nothing would ripen them
  for (const lane_place& each : std::exchange(due_now_, {}))
    ripening_.push_back({each, submitted_});
}

void scheduler_core::ripen(std::uint64_t sequence) {
  const std::uint32_t event = lanes_.find_event(sequence);
  if (event == no_slot)
    return; // cancelled or expired meanwhile, or left to the disk
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
