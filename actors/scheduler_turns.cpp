// scheduler_core: starting turns, and what becomes of their outcomes.
//
//   ready lane --slot--> [body, state read] --> [suspect: durable start] --> dispatched
//   outcome --> held until the lane's earlier ones are submitted --> finish submitted --> durable:
//   next in lane failure --> the retry actor decides --> attempt submitted --> durable: waits, or
//   dead letter
#include "actors/scheduler_core.hpp"

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

/// The state of an event whose deliveries have all ended, from the set of their ends.
delivery_state ended_state(std::uint16_t ended_as) noexcept {
  for (const delivery_state each :
       {delivery_state::dead, delivery_state::done, delivery_state::cancelled,
        delivery_state::superseded, delivery_state::expired})
    if ((ended_as & (1u << raw(each))) != 0)
      return each;
  return delivery_state::purged;
}

} // namespace

// ---- starting ---------------------------------------------------------------------------------

void scheduler_core::start_turns() {
  for (std::uint32_t agent = 0; agent < slots_.size(); ++agent)
    if (slots_[agent].slots.free() > 0 && lanes_.ready_count(static_cast<agent_no>(agent)) > 0)
      start_turns_of(static_cast<agent_no>(agent));
}

void scheduler_core::start_turns_of(agent_no agent) {
  agent_slots& of = slots_[raw(agent)];
  std::vector<event_id> missing;
  while (of.slots.free() > of.reading) { // what is being read already has its slot
    const std::uint32_t lane_slot = lanes_.take_ready(agent);
    if (lane_slot == no_slot)
      break;
    const std::uint32_t slot = lanes_.lanes[lane_slot].first_waiting;
    if (!prepare(lane_slot, slot, missing))
      continue;
    of.slots.use();
    live_delivery& delivery = lanes_.deliveries[slot];
    if (delivery.suspected == suspicion::none) {
      lanes_.activate(slot, stage::running);
      dispatch_turn(slot);
    } else {
      lanes_.activate(slot, stage::starting);
      submit_.push_back(journal::start_op{settings_.epoch,
                                          {lanes_.events[delivery.event].id, delivery.index},
                                          delivery.suspected == suspicion::accused});
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
  if (delivery.next_due > now_.wall) { // found so at start: its retry is not due yet
    lanes_.activate(slot, stage::deciding);
    lanes_.deactivate(slot, stage::retrying);
    armed_retries_.push_back(
        {{{lanes_.events[delivery.event].id, delivery.index}, delivery.attempts},
         delivery.next_due});
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
  const live_delivery& delivery = lanes_.deliveries[slot];
  const live_event& event = lanes_.events[delivery.event];
  const lane& in = lanes_.lanes[delivery.lane];
  agent_slots& of = slots_[raw(delivery.agent)];
  dispatched_turn turn;
  turn.turn = {{event.id, delivery.index}, delivery.attempts + 1};
  turn.epoch = settings_.epoch;
  turn.has_state = in.has_state;
  if (in.has_state)
    turn.state = in.state;
  turn.body = event.body;
  of.batch_bytes += turn.body.size() + turn.state.size();
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
  if (!settings_.agents[raw(agent)].configured)
    return; // nobody could run it; the deliveries wait for the agent to come back
  agent_slots& of = slots_[raw(agent)];
  std::uint64_t startable = starting_ ? lanes_.ready_count(agent) + of.reading : 0;
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

// ---- outcomes ---------------------------------------------------------------------------------

void scheduler_core::on_outcomes(const frame_header& header, outcomes& body) {
  if (header.number != 0)
    out_->push_back(send_effect{courier_.receipt(header)});
  if (!courier_.first_time(header))
    return;
  for (turn_outcome& each : body.turns)
    take_outcome(each);
}

void scheduler_core::take_outcome(turn_outcome& outcome) {
  const std::uint32_t slot = lanes_.find_delivery(outcome.turn.delivery);
  if (slot == no_slot)
    return; // cancelled or expired in the meantime, and already gone
  live_delivery& delivery = lanes_.deliveries[slot];
  if (delivery.at != stage::running || delivery.attempts + 1 != outcome.turn.attempt ||
      outcome.epoch != settings_.epoch)
    return;
  --running_;
  if (outcome.verdict == turn_verdict::returned) {
    lanes_.deactivate(slot, stage::waiting);
    return;
  }
  delivery.outcome = std::make_unique<turn_outcome>(std::move(outcome));
  delivery.at = stage::held;
  settle_lane(delivery.lane);
}

/// Uses held outcomes from the lane's head as far as everything before them is with the journal.
void scheduler_core::settle_lane(std::uint32_t lane_slot) {
  std::uint32_t next = no_slot;
  for (std::uint32_t slot = lanes_.lanes[lane_slot].head; slot != no_slot; slot = next) {
    live_delivery& delivery = lanes_.deliveries[slot];
    next = delivery.next;
    if (delivery.at == stage::closing)
      continue;
    if (delivery.at != stage::held)
      return;
    if (delivery.outcome->verdict == turn_verdict::done) {
      finish_turn(slot);
      continue;
    }
    ++counted_.failed;
    delivery.at = stage::deciding;
    failed_.push_back({delivery.outcome->turn, delivery.agent, delivery.outcome->verdict,
                       delivery.outcome->retry_after});
    return;
  }
}

void scheduler_core::finish_turn(std::uint32_t slot) {
  live_delivery& delivery = lanes_.deliveries[slot];
  turn_outcome& outcome = *delivery.outcome;
  auto emits = route_emits(outcome.emits);
  const bool forbidden_state =
      lanes_.pure(delivery.agent) && (outcome.sets_state || outcome.deletes_state);
  if (!emits || forbidden_state) {
    finish_without_turn(slot, delivery_state::dead,
                        forbidden_state ? errc::agent_output_invalid : emits.error().code,
                        forbidden_state ? "an agent declared pure may not have state"
                                        : emits.error().detail);
    return;
  }
  journal::finish_op op;
  op.state = delivery_state::done;
  op.attempt = outcome.turn.attempt;
  op.started = outcome.started;
  op.finished = outcome.finished;
  op.reply_kind = outcome.reply_kind;
  op.reply = std::move(outcome.reply);
  op.emits = *std::move(emits);
  if (outcome.sets_state || outcome.deletes_state)
    op.state_of_key = journal::state_change{lanes_.lanes[delivery.lane].key, outcome.deletes_state,
                                            std::move(outcome.state)};
  submit_finish(slot, std::move(op));
}

result<std::vector<journal::accept_op>>
scheduler_core::route_emits(std::vector<offered_event>& emits) {
  std::vector<journal::accept_op> routed;
  routed.reserve(emits.size());
  for (offered_event& each : emits) {
    auto deliveries = routes_.match(each.head());
    if (!deliveries)
      return error{errc::too_many_deliveries, "emitted event " + std::to_string(routed.size())};
    routed.push_back({settings_.epoch, std::move(each), *deliveries});
  }
  return routed;
}

/// Ends a delivery by our own word: cancelled, expired, dead.
void scheduler_core::finish_without_turn(std::uint32_t slot, delivery_state state, errc code,
                                         std::string text) {
  const live_delivery& delivery = lanes_.deliveries[slot];
  journal::finish_op op;
  op.state = state;
  op.attempt = delivery.attempts;
  op.finished = now_.wall;
  if (delivery.outcome) { // the attempt that decided it
    op.attempt = delivery.outcome->turn.attempt;
    op.started = delivery.outcome->started;
    op.finished = delivery.outcome->finished;
  }
  op.code = code;
  op.error = std::move(text);
  submit_finish(slot, std::move(op));
}

void scheduler_core::submit_finish(std::uint32_t slot, journal::finish_op op) {
  live_delivery& delivery = lanes_.deliveries[slot];
  live_event& event = lanes_.events[delivery.event];
  SKEIN_CHECK(event.open > 0);
  op.epoch = settings_.epoch;
  op.delivery = {event.id, delivery.index};
  op.agent = delivery.agent;
  --event.open;
  event.ended_as |= static_cast<std::uint16_t>(1u << raw(op.state));
  op.event_state = event.open > 0 ? delivery_state::pending : ended_state(event.ended_as);
  std::erase(accused_, slot);
  const std::uint32_t lane_slot = delivery.lane;
  const bool parked = lane_slot != no_slot && lanes_.lanes[lane_slot].loading &&
                      lanes_.lanes[lane_slot].first_waiting == slot;
  if (delivery.at !=
      stage::closing) // else an outcome of it was refused whole, and this one takes its place
    lanes_.close(slot);
  if (parked) // what it waited for was for this delivery
    unpark(lane_slot, true);
  submit_.push_back(std::move(op));
  submit_contexts_.push_back(outcome_context{slot});
}

/// Cancelled or expired, whatever the delivery does now. Outcomes of later turns of a pure lane
/// that waited for this one are used.
void scheduler_core::end_by_word(std::uint32_t slot, delivery_state state, std::string text) {
  stop_turn(slot);
  finish_without_turn(slot, state, errc::none, std::move(text));
  if (const std::uint32_t lane_slot = lanes_.deliveries[slot].lane; lane_slot != no_slot)
    settle_lane(lane_slot);
}

void scheduler_core::stop_turn(std::uint32_t slot) {
  const live_delivery& delivery = lanes_.deliveries[slot];
  if (delivery.at != stage::running)
    return;
  --running_;
  const turn_id turn{{lanes_.events[delivery.event].id, delivery.index}, delivery.attempts + 1};
  send_reliable(agent_at(delivery.agent),
                cancel_turns{settings_.agents[raw(delivery.agent)].name, {turn}});
}

// ---- what the journal said --------------------------------------------------------------------

void scheduler_core::settle_outcome(std::uint32_t slot, journal::operation& op,
                                    const journal::op_result& verdict, instant at) {
  if (auto* finish = std::get_if<journal::finish_op>(&op))
    settle_finish(slot, *finish, verdict, at);
  else if (const auto* attempt = std::get_if<journal::attempt_op>(&op))
    settle_attempt(slot, *attempt, verdict);
  else
    settle_start(slot, verdict);
}

void scheduler_core::settle_finish(std::uint32_t slot, journal::finish_op& op,
                                   const journal::op_result& verdict, instant at) {
  live_delivery& delivery = lanes_.deliveries[slot];
  live_event& event = lanes_.events[delivery.event];
  if (verdict.status == journal::op_status::emit_conflict) {
    ++event.open; // nothing of it was applied: the delivery ends otherwise
    event.ended_as &= static_cast<std::uint16_t>(~(1u << raw(op.state)));
    finish_without_turn(slot, delivery_state::dead, errc::identity_conflict,
                        "emitted event " + std::to_string(verdict.emit) +
                            " has the identity of another event");
    return;
  }
  delivery_state ended = op.state;
  if (verdict.status == journal::op_status::applied) {
    count_outcome(op.state);
    if (op.state == delivery_state::dead)
      log(log_severity::warning, "delivery-dead",
          "dead letter: " + to_string(error{op.code, op.error}), slot);
    if (op.state_of_key && delivery.lane != no_slot) {
      lane& in = lanes_.lanes[delivery.lane];
      in.state_known = true;
      in.has_state = !op.state_of_key->erase;
      in.state = std::move(op.state_of_key->value);
      settings_.agents[raw(delivery.agent)].has_state = true;
    }
  } else if (verdict.status == journal::op_status::already_terminal) {
    ended = verdict.actual;
  } else {
    log(log_severity::error, "outcome-refused", "the journal refused an outcome", slot);
  }
  if (delivery.alone)
    end_alone_turn();
  const event_id id = event.id;
  const bool last = event.live == 1;
  if (last)
    body_bytes_ -= event.body.size();
  const delivery_state event_ended_as =
      op.event_state == delivery_state::pending ? ended : op.event_state;
  if (op.state == delivery_state::cancelled && verdict.status == journal::op_status::applied)
    if (const auto asked = cancels_.find(id.sequence); asked != cancels_.end())
      for (cancel_context& each : asked->second)
        ++each.cancelled;
  lanes_.remove_delivery(slot);
  if (last)
    event_ended(id, event_ended_as);
  for (std::size_t i = 0; i < verdict.emits.size(); ++i)
    if (!verdict.emits[i].duplicate &&
        raw(verdict.emits[i].event.shard) % settings_.loops == raw(settings_.loop)) {
      ++counted_.accepted;
      take_in(verdict.emits[i].event, op.emits[i].event, op.emits[i].deliveries, at);
    }
}

void scheduler_core::settle_attempt(std::uint32_t slot, const journal::attempt_op& op,
                                    const journal::op_result& verdict) {
  live_delivery& delivery = lanes_.deliveries[slot];
  if (delivery.at != stage::deciding)
    return; // cancelled or expired meanwhile: that outcome is on its way
  if (verdict.status != journal::op_status::applied) {
    log(log_severity::error, "attempt-refused", "the journal refused a failed attempt", slot);
    return;
  }
  ++counted_.retried;
  delivery.attempts = op.attempt;
  delivery.next_due = op.next_due;
  delivery.outcome.reset();
  delivery.suspected = suspicion::none; // it ran to an end: it does not kill the process
  if (std::exchange(delivery.alone, false))
    end_alone_turn();
  lanes_.deactivate(slot, stage::retrying);
  armed_retries_.push_back({{op.delivery, op.attempt}, op.next_due});
}

void scheduler_core::settle_start(std::uint32_t slot, const journal::op_result& verdict) {
  live_delivery& delivery = lanes_.deliveries[slot];
  if (delivery.at != stage::starting || !starting_ ||
      verdict.status != journal::op_status::applied) {
    give_back_slot(delivery.agent);
    if (delivery.at == stage::starting)
      lanes_.deactivate(slot, stage::waiting);
    return;
  }
  delivery.at = stage::running;
  const agent_no agent = delivery.agent;
  dispatch_turn(slot);
  flush_dispatch(agent);
}

void scheduler_core::count_outcome(delivery_state state) {
  switch (state) {
    case delivery_state::done:
      ++counted_.done;
      break;
    case delivery_state::dead:
      ++counted_.dead;
      break;
    case delivery_state::cancelled:
      ++counted_.cancelled;
      break;
    case delivery_state::expired:
      ++counted_.expired;
      break;
    default:
      break;
  }
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
  lane& in = lanes_.lanes[lane_slot];
  in.state_known = true;
  in.has_state = input.state->has_value();
  in.state = in.has_state ? **input.state : slice{};
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
      if (!in.reading || in.first_waiting != each)
        continue; // it waits for something else
      if (input.bodies)
        unpark(lane_slot, true);
      else
        stalled_.emplace_back(in.agent, in.key);
    }
    if (input.bodies && (*input.bodies)[i].empty())
      for (const std::uint32_t each : of_event)
        finish_without_turn(each, delivery_state::dead, errc::store_corrupt,
                            "the event's body is not in the store");
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
    log(log_severity::info, "turn-failed", to_string(error{outcome.code, outcome.error}), slot);
    journal::attempt_op op;
    op.epoch = settings_.epoch;
    op.delivery = each.turn.delivery;
    op.agent = delivery.agent;
    op.attempt = each.turn.attempt;
    op.started = outcome.started;
    op.finished = outcome.finished;
    op.code = outcome.code;
    op.error = outcome.error;
    op.next_due = each.due;
    submit_.push_back(std::move(op));
    submit_contexts_.push_back(outcome_context{slot});
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
    delivery.next_due = no_instant; // the retry actor waited by boot time; the wall may lag behind
    lanes_.retry_ready(slot);
  }
}

} // namespace skein
