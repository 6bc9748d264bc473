// scheduler_core: starting turns. What becomes of them: scheduler_outcomes.cpp.
//
//   ready lane --slot--> [body, state read] --> [suspect, or a probe: durable start] --> dispatched
#include "actors/scheduler_core.hpp"
#include "actors/turn_error.hpp"

#include "protocol/check.hpp"

#include <algorithm>
#include <utility>

namespace skein {

namespace {

constexpr std::size_t dispatch_bytes_max = 4 << 20;

/// A delivery that was running alone when the process died waits so long after the next start,
/// times its crashes: a node that something else kills again and again within seconds blames
/// nobody.
constexpr std::chrono::seconds pause_after_crash{2};

} // namespace

// ---- starting ---------------------------------------------------------------------------------

void scheduler_core::start_turns() {
#ifndef SKEIN_BUG_STARTS_AFTER_THE_LEASE
  if (now_.boot >= serves_until_)
    return; // the next word of the leases comes with a step
#endif
  for (std::uint32_t agent = 0; agent < slots_.size(); ++agent)
    if (settings_.agents[agent].configured && slots_[agent].slots.free() > 0 &&
        lanes_.ready_count(static_cast<agent_no>(agent)) > 0)
      start_turns_of(static_cast<agent_no>(agent));
}

void scheduler_core::start_turns_of(agent_no agent) {
  agent_slots& of = slots_[raw(agent)];
  std::vector<event_id> missing;
  // What is being read already has its slot.
  while (of.slots.free() > of.reading && may_start_one()) {
    const std::uint32_t lane_slot = lanes_.take_ready(agent);
    if (lane_slot == no_slot)
      break;
    const std::uint32_t slot = lanes_.lanes[lane_slot].first_waiting;
#ifndef SKEIN_BUG_UNKNOWN_TIME_IGNORED
    const live_delivery& first = lanes_.deliveries[slot];
    tenure& had = tenure_of(lanes_.events[first.event].id.shard);
    if (!had.is_known(first.ready_at)) { // something may be due before it
      lanes_.set_loading(lane_slot, true);
      lanes_.lanes[lane_slot].gated = true;
      had.gated.emplace_back(agent, lanes_.lanes[lane_slot].key);
      continue;
    }
#endif
    if (!prepare(lane_slot, slot, missing))
      continue;
    of.slots.use();
    live_delivery& delivery = lanes_.deliveries[slot];
    if (delivery.suspected == suspicion::none && !store_refuses_) {
      lanes_.activate(slot, stage::running);
      dispatch_turn(slot);
    } else {
      ++starts_;
      lanes_.activate(slot, stage::starting);
      const event_id id = lanes_.events[delivery.event].id;
      gather(journal::start_op{
          epoch_of(id.shard), {id, delivery.index}, delivery.suspected == suspicion::accused});
      submit_contexts_.push_back(outcome_context{slot});
    }
    lanes_.offer_ready(lane_slot);
  }
  flush_dispatch(agent);
  if (!missing.empty())
    out_->push_back(read_bodies_effect{std::move(missing)});
}

/// Whether the delivery has all that a turn needs. If not, what lacks is asked for and the lane is
/// parked.
bool scheduler_core::prepare(std::uint32_t lane_slot, std::uint32_t slot,
                             std::vector<event_id>& missing) {
  live_delivery& delivery = lanes_.deliveries[slot];
  lane& in = lanes_.lanes[lane_slot];
  if (delivery.next_due > now_.wall) { // found so at start: its next turn is not due yet
    lanes_.activate(slot, stage::deciding);
    lanes_.deactivate(slot, stage::retrying);
    armed_retries_.push_back(
        {{{lanes_.events[delivery.event].id, delivery.index}, delivery.attempts},
         now_.boot + (delivery.next_due - now_.wall)});
    return false;
  }
  if (lanes_.events[delivery.event].body.empty()) {
    missing.push_back(lanes_.events[delivery.event].id);
    park(lane_slot);
    if (missing.size() == limits::loop_fetch_events)
      out_->push_back(read_bodies_effect{std::exchange(missing, {})});
    return false;
  }
  if (settings_.agents[raw(in.agent)].has_state && !in.state_known) {
    park(lane_slot);
    in.read_number = ++reads_;
    out_->push_back(read_state_effect{in.agent, in.key, in.read_number});
    return false;
  }
  return delivery.suspected != suspicion::accused || may_run_alone(lane_slot, slot);
}

/// The lane waits for the store. At most as many lanes of an agent do as it has free slots, so that
/// a backlog on disk is not read into memory before its time.
void scheduler_core::park(std::uint32_t lane_slot) {
  lane& in = lanes_.lanes[lane_slot];
  if (!std::exchange(in.reading, true))
    ++slots_[raw(in.agent)].reading;
  lanes_.set_loading(lane_slot, true);
}

void scheduler_core::unpark(std::uint32_t lane_slot, bool goes_first) {
  lane& in = lanes_.lanes[lane_slot];
  if (std::exchange(in.reading, false))
    --slots_[raw(in.agent)].reading;
  lanes_.set_loading(lane_slot, false, goes_first);
}

/// Accused deliveries run one at a time on this node: the broker has one slot for all of its loops.
bool scheduler_core::may_run_alone(std::uint32_t lane_slot, std::uint32_t slot) {
  const live_delivery& delivery = lanes_.deliveries[slot];
  if (delivery.alone)
    return true;
  if (now_.boot < started_ + delivery.crashes * pause_after_crash) {
    lanes_.set_loading(lane_slot, true);
    stalled_.emplace_back(delivery.agent, lanes_.lanes[lane_slot].key); // until the next tick
    return false;
  }
  if (std::find(accused_.begin(), accused_.end(), slot) == accused_.end())
    accused_.push_back(slot);
  lanes_.set_loading(lane_slot, true);
  if (alone_.adjust(accused_.size()))
    tell_slots(alone_, alone_slot);
  return false;
}

void scheduler_core::on_grant(const grant& given) {
  if (given.agent == alone_slot) {
    alone_.granted(given.granted_total);
    while (alone_.free() > 0 && !accused_.empty()) {
      alone_.use();
      live_delivery& next = lanes_.deliveries[accused_.front()];
      accused_.pop_front();
      next.alone = true;
      lanes_.set_loading(next.lane, false);
    }
    if (alone_.adjust(accused_.size()))
      tell_slots(alone_, alone_slot);
    return;
  }
  for (std::size_t agent = 0; agent < slots_.size(); ++agent)
    if (settings_.agents[agent].name == given.agent)
      slots_[agent].slots.granted(given.granted_total);
}

/// A slot was used for a turn that did not start after all.
void scheduler_core::give_back_slot(agent_no agent) {
  slots_[raw(agent)].slots.put_back();
  tell_slots(slots_[raw(agent)].slots, settings_.agents[raw(agent)].name);
}

void scheduler_core::end_alone_turn() {
  alone_.put_back();
  alone_.adjust(accused_.size());
  tell_slots(alone_, alone_slot);
}

void scheduler_core::dispatch_turn(std::uint32_t slot) {
  live_delivery& delivery = lanes_.deliveries[slot];
  delivery.started = now_.wall;
  delivery.begun_pure = lanes_.pure(delivery.agent);
  delivery.next_due = no_instant;
  const live_event& event = lanes_.events[delivery.event];
  const lane& in = lanes_.lanes[delivery.lane];
  agent_slots& of = slots_[raw(delivery.agent)];
  dispatched_turn turn;
  turn.turn = {{event.id, delivery.index}, delivery.attempts + 1};
  turn.epoch = epoch_of(event.id.shard);
  turn.sleeps = delivery.sleeps;
  turn.has_state = in.has_state;
  if (in.has_state)
    turn.state = in.state;
  if (lanes_.state_bytes() > limits::loop_state_cache_bytes)
    lanes_.forget_state(delivery.lane); // it was read beyond the limit, for this turn
  turn.body = event.body;
  of.batch_bytes += turn.body.size() + turn.state.size();
  if (settings_.tell_turns)
    log(log_severity::debug, "turn-started", "attempt " + std::to_string(delivery.failures() + 1),
        slot);
  of.batch.push_back(std::move(turn));
  ++running_;
  ++counted_.turns;
  if (of.batch.size() >= limits::dispatch_batch_turns || of.batch_bytes >= dispatch_bytes_max)
    flush_dispatch(delivery.agent);
}

void scheduler_core::flush_dispatch(agent_no agent) {
  agent_slots& of = slots_[raw(agent)];
  if (of.batch.empty())
    return;
  of.batch_bytes = 0;
  send_reliable(agent_at(agent),
                dispatch{settings_.agents[raw(agent)].name, std::exchange(of.batch, {})});
}

void scheduler_core::tell_demand(agent_no agent, bool always) {
  agent_slots& of = slots_[raw(agent)];
  if (!settings_.agents[raw(agent)].configured) {
    // Nobody could run it; the deliveries wait for the agent to come back. Slots that are granted
    // late, as it was there when they were asked for, go back.
    if (of.slots.adjust(0))
      tell_slots(of.slots, settings_.agents[raw(agent)].name);
    return;
  }
  std::uint64_t startable =
      starting_ && may_start_one() ? lanes_.ready_count(agent) + of.reading : 0;
  if (startable > 0 && lanes_.pure(agent))
    startable =
        std::min<std::uint64_t>(lanes_.waiting_count(agent), startable * limits::pipeline_depth);
  if (of.slots.adjust(startable) || always)
    tell_slots(of.slots, settings_.agents[raw(agent)].name);
}

/// What is wanted is told again until it is granted; what is given back, until it is acknowledged.
void scheduler_core::tell_slots(slot_account& slots, std::string_view name) {
  if (slots.tells_return())
    send_reliable(broker_at_, slots.told(std::string{name}));
  else
    send(broker_at_, slots.told(std::string{name}));
}

// ---- answers to what was asked for ------------------------------------------------------------

void scheduler_core::on(state_in& input) {
  const std::uint32_t lane_slot = lanes_.find_lane(input.agent, input.key);
  if (lane_slot == no_slot || lanes_.lanes[lane_slot].read_number != input.number)
    return; // the lane emptied and came back meanwhile: it asks anew
  if (!input.state) {
    log(log_severity::error, "state-unread", to_string(input.state.error()));
    stalled_.emplace_back(input.agent, input.key);
    return;
  }
  lanes_.know_state(lane_slot, *std::move(input.state));
  unpark(lane_slot, true);
}

void scheduler_core::on(bodies_in& input) {
  for (std::size_t i = input.events.size(); i-- > 0;) { // the first asked for is to go first
    const std::uint32_t slot = lanes_.find_event(input.events[i].sequence);
    if (slot == no_slot)
      continue;
    live_event& event = lanes_.events[slot];
    if (input.bodies && event.body.empty()) {
      event.body = (*input.bodies)[i];
      body_bytes_ += event.body.size();
    }
    std::vector<std::uint32_t> of_event;
    for (std::uint32_t at = event.first_delivery; at != no_slot;
         at = lanes_.deliveries[at].next_sibling)
      if (lanes_.deliveries[at].lane != no_slot && lanes_.deliveries[at].at == stage::waiting)
        of_event.push_back(at);
    for (const std::uint32_t each : of_event) {
      const std::uint32_t lane_slot = lanes_.deliveries[each].lane;
      const lane& in = lanes_.lanes[lane_slot];
#ifdef SKEIN_BUG_BODY_FOR_ANOTHER_DELIVERY
      if (!in.reading || in.first_waiting != each)
#else
      if (!in.reading || in.loading_for != each)
#endif
        continue; // it waits for something else
      if (input.bodies)
        unpark(lane_slot, true);
      else
        stalled_.emplace_back(in.agent, in.key);
    }
    if (input.bodies && (*input.bodies)[i].empty())
      for (const std::uint32_t each : of_event)
        finish_without_turn(each, delivery_state::dead, errc::store_corrupt,
                            "the event's body is not in the store, or damaged");
  }
  if (!input.bodies)
    log(log_severity::error, "bodies-unread", to_string(input.bodies.error()));
}

void scheduler_core::on(decided_in& input) {
  SKEIN_CHECK(deciding_ >= input.decisions.size());
  deciding_ -= input.decisions.size();
  for (const retry_decision& each : input.decisions) {
    const std::uint32_t slot = lanes_.find_delivery(each.turn.delivery);
    if (slot == no_slot)
      continue;
    live_delivery& delivery = lanes_.deliveries[slot];
    if (delivery.at != stage::deciding || !delivery.outcome || delivery.outcome->turn != each.turn)
      continue;
    turn_outcome& outcome = *delivery.outcome;
    if (!each.again) {
      finish_without_turn(slot, delivery_state::dead, outcome.code, outcome.error);
      settle_lane(delivery.lane);
      continue;
    }
    log(log_severity::info, "turn-failed", turn_error_text(outcome.code, outcome.error), slot);
    journal::attempt_op op;
    // Without a code it would be one that slept.
    op.code = outcome.code == errc::none ? errc::agent_failed : outcome.code;
    op.error = outcome.error;
    again_at(slot, std::move(op), each.due, each.wake);
  }
}

void scheduler_core::on(retry_due_in& input) {
  for (const turn_id& failed : input.failed) {
    const std::uint32_t slot = lanes_.find_delivery(failed.delivery);
    if (slot == no_slot)
      continue;
    live_delivery& delivery = lanes_.deliveries[slot];
    if (delivery.at != stage::retrying || delivery.attempts != failed.attempt)
      continue;                     // a stale timer
    delivery.next_due = no_instant; // waited for by boot time; the wall may lag behind
    lanes_.retry_ready(slot);
  }
}

} // namespace skein
