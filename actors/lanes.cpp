#include "actors/lanes.hpp"

#include "protocol/check.hpp"
#include "protocol/limits.hpp"

#include <utility>

namespace skein {

void live_event::count_end(delivery_state state, int by) {
  SKEIN_CHECK(is_terminal(state));
  auto& count = ends[end_index(state)];
  SKEIN_CHECK(by > 0 || count > 0);
  count = static_cast<std::uint8_t>(count + by);
}

delivery_state live_event::ended_as() const noexcept {
  for (const delivery_state each :
       {delivery_state::dead, delivery_state::done, delivery_state::cancelled,
        delivery_state::superseded, delivery_state::expired})
    if (ends[end_index(each)] > 0)
      return each;
  return delivery_state::purged;
}

void lane_set::add_agent(agent_traits traits) { agents_.emplace_back().pure = traits.pure; }

void lane_set::change_agent(agent_no agent, agent_traits traits) {
  agent_lanes& of = agents_[raw(agent)];
  if (of.pure == traits.pure)
    return;
  of.was_pure = of.was_pure || of.pure;
  of.pure = traits.pure;
  for (const auto& [key, slot] : of.by_key)
    offer_ready(slot);
}

lane_set::lane_set(std::vector<agent_traits> agents, std::uint32_t shards)
  : agents_(agents.size()), active_(shards), frozen_(shards) {
  for (std::size_t i = 0; i < agents.size(); ++i)
    agents_[i].pure = agents[i].pure;
}

std::uint32_t lane_set::find_delivery(const delivery_id& id) const noexcept {
  const std::uint32_t event = by_sequence_.find(id.event.sequence);
  if (event == no_slot || events[event].id != id.event)
    return no_slot;
  for (std::uint32_t at = events[event].first_delivery; at != no_slot;
       at = deliveries[at].next_sibling)
    if (deliveries[at].index == id.index)
      return at;
  return no_slot;
}

std::uint32_t lane_set::find_lane(agent_no agent, std::string_view key) const noexcept {
  const auto& known = agents_[raw(agent)].by_key;
  const auto found = known.find(key);
  return found == known.end() ? no_slot : found->second;
}

std::uint32_t lane_set::add_event(event_id id, priority_class priority, instant accepted,
                                  instant expires, slice body, std::size_t open) {
  const std::uint32_t slot = events.take();
  live_event& added = events[slot];
  added.id = id;
  added.priority = priority;
  added.accepted = accepted;
  added.expires = expires;
  added.body = std::move(body);
  added.open = added.away = static_cast<std::uint8_t>(open);
  by_sequence_.insert(id.sequence, slot);
  return slot;
}

std::uint32_t lane_set::add_delivery(std::uint32_t event, std::uint8_t index, agent_no agent) {
  const std::uint32_t slot = deliveries.take();
  live_delivery& added = deliveries[slot];
  live_event& owner = events[event];
  added.event = event;
  added.index = index;
  added.agent = agent;
  added.next_sibling = owner.first_delivery;
  owner.first_delivery = slot;
  owner.away = static_cast<std::uint8_t>(owner.away - (owner.away > 0 ? 1 : 0));
  ++owner.live;
  ++agents_[raw(agent)].here;
  return slot;
}

void lane_set::remove_delivery(std::uint32_t slot) {
  const live_delivery& gone = deliveries[slot];
  if (gone.lane != no_slot)
    unlink(slot);
  const std::uint32_t event_slot = gone.event;
  live_event& event = events[event_slot];
  std::uint32_t* link = &event.first_delivery;
  while (*link != slot)
    link = &deliveries[*link].next_sibling;
  *link = gone.next_sibling;
  --agents_[raw(gone.agent)].here;
  deliveries.release(slot);
  SKEIN_CHECK(event.live > 0);
  if (--event.live == 0) {
    by_sequence_.erase(event.id.sequence);
    events.release(event_slot);
  }
}

void lane_set::forget_delivery(std::uint32_t slot) {
  SKEIN_CHECK(deliveries[slot].at == stage::sleeping && deliveries[slot].lane == no_slot);
  ++events[deliveries[slot].event].away;
  remove_delivery(slot);
}

void lane_set::enter(std::uint32_t slot, std::string_view key, instant ready_at, bool ripe) {
  live_delivery& entering = deliveries[slot];
  SKEIN_CHECK(entering.at == stage::sleeping && entering.lane == no_slot);
  agent_lanes& agent = agents_[raw(entering.agent)];
  std::uint32_t lane_slot = no_slot;
  if (const auto found = agent.by_key.find(key); found != agent.by_key.end()) {
    lane_slot = found->second;
  } else {
    lane_slot = lanes.take();
    lanes[lane_slot].key = key;
    lanes[lane_slot].shard = events[entering.event].id.shard;
    lanes[lane_slot].agent = entering.agent;
    agent.by_key.emplace(lanes[lane_slot].key, lane_slot);
  }
  lane& into = lanes[lane_slot];
  const std::uint64_t sequence = events[entering.event].id.sequence;
  std::uint32_t before = into.tail; // the one to stand behind
  bool is_first = into.first_waiting == no_slot;
  while (before != no_slot && yields_to(deliveries[before], ready_at, sequence)) {
    is_first |= before == into.first_waiting;
    before = deliveries[before].previous;
  }
  entering.lane = lane_slot;
  entering.ready_at = ready_at;
  entering.at = stage::waiting;
  entering.unripe = !ripe;
  entering.previous = before;
  entering.next = before == no_slot ? into.head : deliveries[before].next;
  (entering.next == no_slot ? into.tail : deliveries[entering.next].previous) = slot;
  (before == no_slot ? into.head : deliveries[before].next) = slot;
  if (is_first)
    into.first_waiting = slot;
  if (entering.next != no_slot)
    into.closed_to = no_slot; // it may stand before those that are closing
  ++into.size;
  count_waiting(into, slot, +1);
  offer_ready(lane_slot);
}

/// Whether something with this place may stand before `there`. One that is closing starts no more
/// and stands in nobody's way.
bool lane_set::yields_to(const live_delivery& there, instant ready_at,
                         std::uint64_t sequence) const noexcept {
  if (there.at == stage::closing)
    return true;
  const std::uint64_t own = events[there.event].id.sequence;
  return there.at == stage::waiting &&
         std::pair{there.ready_at, own} > std::pair{ready_at, sequence};
}

void lane_set::ripen(std::uint32_t slot) {
  live_delivery& which = deliveries[slot];
  if (std::exchange(which.unripe, false) && which.lane != no_slot)
    offer_ready(which.lane);
}

void lane_set::hold(std::uint32_t lane_slot) {
  lane& which = lanes[lane_slot];
  ++which.stopping;
  if (which.queued_as != priority_classes)
    unqueue(which);
}

void lane_set::let_go(std::uint32_t lane_slot) {
  lane& which = lanes[lane_slot];
  SKEIN_CHECK(which.stopping > 0);
  --which.stopping;
  offer_ready(lane_slot);
  release_if_empty(lane_slot);
}

void lane_set::activate(std::uint32_t slot, stage to) {
  live_delivery& which = deliveries[slot];
  lane& in = lanes[which.lane];
  SKEIN_CHECK(which.at == stage::waiting || which.at == stage::retrying);
  SKEIN_CHECK(in.first_waiting == slot && !which.unripe);
  if (which.at == stage::waiting)
    count_waiting(in, slot, -1);
  leave_retrying(which);
  which.at = to;
  in.first_waiting = waiting_from(which.next);
  count_active(in, +1);
}

/// Before its stage changes.
void lane_set::leave_retrying(const live_delivery& which) noexcept {
  if (which.at == stage::retrying && which.asleep)
    --agents_[raw(which.agent)].asleep;
}

void lane_set::deactivate(std::uint32_t slot, stage to) {
  live_delivery& which = deliveries[slot];
  lane& in = lanes[which.lane];
  SKEIN_CHECK(to == stage::waiting || to == stage::retrying);
  SKEIN_CHECK(in.active > 0);
  if (in.queued_as != priority_classes)
    unqueue(in);
  // A pure lane may have later turns in flight: they stay active behind the first waiting one,
  // which is why `first_waiting` is found by walking and not by position alone.
  which.at = to;
  count_active(in, -1);
  if (to == stage::waiting)
    count_waiting(in, slot, +1);
  else if (which.asleep)
    ++agents_[raw(which.agent)].asleep;
  in.first_waiting = waiting_from(in.head);
  offer_ready(which.lane);
}

/// The first delivery from here on that has not started.
std::uint32_t lane_set::waiting_from(std::uint32_t slot) const noexcept {
  const auto waits = [](stage at) {
#ifdef SKEIN_BUG_ORDER_BROKEN_BY_RETRY
    return at == stage::waiting;
#else
    return at == stage::waiting || at == stage::retrying;
#endif
  };
  while (slot != no_slot && !waits(deliveries[slot].at))
    slot = deliveries[slot].next;
  return slot;
}

void lane_set::retry_ready(std::uint32_t slot) {
  live_delivery& which = deliveries[slot];
  SKEIN_CHECK(which.at == stage::retrying);
  leave_retrying(which);
  which.at = stage::waiting;
#ifdef SKEIN_BUG_ORDER_BROKEN_BY_RETRY
  lanes[which.lane].first_waiting = waiting_from(lanes[which.lane].head);
#endif
  count_waiting(lanes[which.lane], slot, +1);
  offer_ready(which.lane);
}

void lane_set::close(std::uint32_t slot) {
  live_delivery& which = deliveries[slot];
  SKEIN_CHECK(which.at != stage::closing);
  leave_retrying(which);
  const stage from = std::exchange(which.at, stage::closing);
  if (which.lane == no_slot)
    return;
  lane& in = lanes[which.lane];
  if (from == stage::waiting)
    count_waiting(in, slot, -1);
  if (from == stage::waiting || from == stage::retrying)
    count_active(in, +1);
  ++in.closing;
  if (in.first_waiting == slot)
    in.first_waiting = waiting_from(which.next);
  offer_ready(which.lane);
}

std::uint32_t lane_set::first_open(std::uint32_t lane_slot) {
  lane& in = lanes[lane_slot];
  std::uint32_t slot = in.closed_to == no_slot ? in.head : deliveries[in.closed_to].next;
  for (; slot != no_slot && deliveries[slot].at == stage::closing; slot = deliveries[slot].next)
    in.closed_to = slot;
  return slot;
}

void lane_set::set_loading(std::uint32_t lane_slot, bool loading, bool goes_first) {
  lane& which = lanes[lane_slot];
  if (loading && which.queued_as != priority_classes)
    unqueue(which);
  which.loading = loading;
  which.loading_for = loading ? which.first_waiting : no_slot;
  if (!loading)
    offer_ready(lane_slot, goes_first);
}

void lane_set::know_state(std::uint32_t lane_slot, std::optional<slice> state) {
  forget_state(lane_slot);
  lane& which = lanes[lane_slot];
  which.state_known = true;
  which.has_state = state.has_value();
  if (state)
    which.state = *std::move(state);
  state_bytes_ += which.state.size();
}

void lane_set::forget_state(std::uint32_t lane_slot) {
  lane& which = lanes[lane_slot];
  state_bytes_ -= which.state.size();
  which.state = {};
  which.state_known = which.has_state = false;
}

std::uint32_t lane_set::take_ready(agent_no agent) {
  for (auto& queue : agents_[raw(agent)].queues) {
    while (!queue.empty()) {
      const queue_entry entry = queue.front();
      queue.pop_front();
      lane& which = lanes[entry.lane];
      if (which.ticket != entry.ticket || which.queued_as == priority_classes)
        continue; // queued anew under a higher class, or no longer ready
      unqueue(which);
      SKEIN_CHECK(may_start(which));
      return entry.lane;
    }
  }
  return no_slot;
}

instant lane_set::oldest_ready() const noexcept {
  constexpr std::size_t stale_max = 16; // entries of lanes that are queued anew or not ready
  instant oldest = no_instant;
  for (const agent_lanes& agent : agents_)
    for (const auto& queue : agent.queues)
      for (std::size_t i = 0; i < std::min(queue.size(), stale_max); ++i) {
        const lane& which = lanes[queue[i].lane];
        if (which.ticket != queue[i].ticket || which.queued_as == priority_classes)
          continue;
        const instant since = deliveries[which.first_waiting].ready_at;
        oldest = oldest == no_instant ? since : std::min(oldest, since);
        break;
      }
  return oldest;
}

void lane_set::offer_ready(std::uint32_t lane_slot, bool goes_first) {
  lane& which = lanes[lane_slot];
  if (!may_start(which)) {
    if (which.queued_as != priority_classes)
      unqueue(which);
    return;
  }
  const std::uint8_t as = top_class(which);
  if (which.queued_as <= as)
    return;
  if (which.queued_as != priority_classes)
    unqueue(which);
  which.queued_as = as;
  ++which.ticket;
  agent_lanes& agent = agents_[raw(which.agent)];
  auto& queue = agent.queues[as];
  queue.insert(goes_first ? queue.begin() : queue.end(), {lane_slot, which.ticket});
  ++agent.ready;
}

bool lane_set::may_start(const lane& which) const noexcept {
  if (which.loading || which.stopping > 0 || which.first_waiting == no_slot ||
      frozen_[raw(which.shard)])
    return false;
  const live_delivery& first = deliveries[which.first_waiting];
  if (first.at != stage::waiting || first.unripe)
    return false;
#ifdef SKEIN_BUG_TWO_IN_FLIGHT_PER_KEY
  if (which.active == 1)
    return true;
#endif
  if (which.active == 0)
    return true;
  const agent_lanes& of = agents_[raw(which.agent)];
  if (of.pure)
    return which.active < limits::pipeline_depth;
#ifndef SKEIN_BUG_PASSES_WHAT_IS_CLOSING
  if (which.closing > 0)
    return false; // it may stand behind the first one (yields_to), and its state counts
#endif
  // Turns that started while the agent was pure wait for the one before all of them, which is tried
  // again: who stands first has nobody running before it.
  return of.was_pure && which.head == which.first_waiting;
}

void lane_set::count_active(lane& which, int by) noexcept {
  which.active += static_cast<std::uint32_t>(by);
  active_[raw(which.shard)] += static_cast<std::uint32_t>(by);
}

void lane_set::freeze(const shard_set& shards, bool frozen) {
  for (std::size_t shard = 0; shard < shards.size(); ++shard)
    if (shards[shard])
      frozen_[shard] = frozen;
  for (const std::uint32_t each : lanes_of(shards))
    offer_ready(each);
}

std::vector<std::uint32_t> lane_set::lanes_of(const shard_set& shards) const {
  std::vector<std::uint32_t> slots;
  for_each_lane([&](std::uint32_t slot) {
    if (shards[raw(lanes[slot].shard)])
      slots.push_back(slot);
  });
  return slots;
}

std::vector<std::uint32_t> lane_set::deliveries_of(const shard_set& shards) const {
  std::vector<std::uint32_t> slots;
  for (std::uint32_t event = 0; event < events.slots(); ++event)
    if (events[event].id && shards[raw(events[event].id.shard)])
      for (std::uint32_t at = events[event].first_delivery; at != no_slot;
           at = deliveries[at].next_sibling)
        slots.push_back(at);
  return slots;
}

void lane_set::unqueue(lane& which) noexcept {
  which.queued_as = priority_classes;
  ++which.ticket;
  --agents_[raw(which.agent)].ready;
}

std::uint8_t lane_set::top_class(const lane& which) const noexcept {
  std::uint8_t top = 0;
  while (top + 1u < priority_classes && which.waiting[top] == 0)
    ++top;
  return top;
}

void lane_set::unlink(std::uint32_t slot) {
  live_delivery& gone = deliveries[slot];
  const std::uint32_t lane_slot = gone.lane;
  lane& in = lanes[lane_slot];
  if (gone.at == stage::waiting)
    count_waiting(in, slot, -1);
  else if (gone.at != stage::retrying)
    count_active(in, -1);
  in.closing -= gone.at == stage::closing ? 1u : 0u;
  leave_retrying(gone);
  if (in.first_waiting == slot)
    in.first_waiting = waiting_from(gone.next);
  if (in.closed_to == slot)
    in.closed_to = gone.previous;
  (gone.previous == no_slot ? in.head : deliveries[gone.previous].next) = gone.next;
  (gone.next == no_slot ? in.tail : deliveries[gone.next].previous) = gone.previous;
  gone.lane = gone.previous = gone.next = no_slot;
  --in.size;
  offer_ready(lane_slot);
  release_if_empty(lane_slot);
}

void lane_set::release_if_empty(std::uint32_t lane_slot) {
  lane& in = lanes[lane_slot];
#ifdef SKEIN_BUG_LANE_GOES_BEFORE_ITS_LIST
  if (in.size > 0 || in.stopping > 0 || has_away(lane_slot))
#else
  // As long as there is a list, even one that has come to nothing, the slot is known as its place.
  if (in.size > 0 || in.stopping > 0 || in.away != nullptr)
#endif
    return;
  SKEIN_CHECK(in.queued_as == priority_classes);
  forget_state(lane_slot);
  agents_[raw(in.agent)].by_key.erase(in.key);
  const std::uint32_t ticket = in.ticket;
  lanes.release(lane_slot);
  lanes[lane_slot].ticket =
      ticket; // entries of the old lane in the queues stay stale for the next one
}

void lane_set::count_waiting(lane& which, std::uint32_t slot, int by) {
  auto& count = which.waiting[static_cast<std::size_t>(events[deliveries[slot].event].priority)];
  SKEIN_CHECK(by > 0 || count > 0);
  count += static_cast<std::uint32_t>(by);
  agents_[raw(which.agent)].waiting += static_cast<std::size_t>(by);
}

} // namespace skein
