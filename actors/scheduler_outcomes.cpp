// scheduler_core: what becomes of a turn: its outcome, the commit of it, and what the journal said.
//
//   outcome --> held until the lane's earlier ones are submitted --> finish submitted --> durable:
//   next in lane
//   failure --> the retry actor decides --> attempt submitted --> durable: waits, or dead letter
//   sleep --> attempt submitted, with its state --> durable: waits as for a retry
//   stopped: the delivery ends by our word at once, its lane waits until the runner has let go
#include "actors/cluster/outbox.hpp"
#include "actors/scheduler_core.hpp"
#include "actors/turn_error.hpp"

#include "protocol/check.hpp"

#include <algorithm>
#include <utility>

namespace skein {

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
  if (const auto stopped = stopped_.find({outcome.turn, outcome.epoch});
      stopped != stopped_.end()) {
    --running_;
    if (stopped->second != no_slot)
      lanes_.let_go(stopped->second);
    stopped_.erase(stopped);
    return; // its delivery is over, or about to be, by our word, or is another node's
  }
  const shard_id shard = outcome.turn.delivery.event.shard;
  if (!is_here(shard) || outcome.epoch != epoch_of(shard))
    return; // of a turn that an earlier owner of the shard started
  const std::uint32_t slot = lanes_.find_delivery(outcome.turn.delivery);
  if (slot == no_slot)
    return;
  live_delivery& delivery = lanes_.deliveries[slot];
  if (delivery.at != stage::running || delivery.attempts + 1 != outcome.turn.attempt)
    return;
  --running_;
  if (outcome.verdict == turn_verdict::returned) {
    lanes_.deactivate(slot, stage::waiting);
    leave_alone_slot_if_gone(slot);
    return;
  }
  // One clock says when it began, this loop's: what is shown while it runs and what is stored
  // agree.
  outcome.started = delivery.started;
  outcome.finished = std::max(outcome.finished, outcome.started);
  if (outcome.verdict == turn_verdict::slept) { // from now on, although its lane may hold it up
    delivery.next_due = now_.wall + outcome.retry_after;
    delivery.wake = now_.boot + outcome.retry_after;
  }
  delivery.outcome = std::make_unique<turn_outcome>(std::move(outcome));
  delivery.at = stage::held;
  settle_lane(delivery.lane);
}

/// Uses held outcomes from the lane's head as far as everything before them is with the journal.
void scheduler_core::settle_lane(std::uint32_t lane_slot) {
  for (std::uint32_t slot = lanes_.first_open(lane_slot); slot != no_slot;
       slot = lanes_.first_open(lane_slot)) {
    live_delivery& delivery = lanes_.deliveries[slot];
    if (delivery.at != stage::held)
      return;
    if (delivery.outcome->verdict == turn_verdict::done) {
      finish_turn(slot);
      continue;
    }
    if (delivery.outcome->verdict == turn_verdict::slept) {
      put_to_sleep_again(slot);
      continue; // it is not held any more, or over
    }
    ++counted_.failed;
    delivery.at = stage::deciding;
    failed_.push_back({delivery.outcome->turn, delivery.agent, delivery.outcome->verdict,
                       delivery.outcome->retry_after, delivery.sleeps});
    return;
  }
}

void scheduler_core::finish_turn(std::uint32_t slot) {
  live_delivery& delivery = lanes_.deliveries[slot];
  turn_outcome& outcome = *delivery.outcome;
  if (has_forbidden_state(slot))
    return;
  auto emits = route_emits(outcome.emits, outcome.turn.delivery.event.shard);
  if (!emits) {
    finish_without_turn(slot, delivery_state::dead, emits.error().code, emits.error().detail);
    return;
  }
  journal::finish_op op;
  op.state = delivery_state::done;
  op.attempt = delivery.failures() + 1;
  op.started = outcome.started;
  op.finished = outcome.finished;
  op.reply_kind = outcome.reply_kind;
  op.reply = std::move(outcome.reply);
  op.emits = *std::move(emits);
  op.state_of_key = state_change_of(slot);
#ifdef SKEIN_BUG_EMIT_BEFORE_COMMIT
  if (!op.emits.empty()) {
    submit_contexts_.push_back(
        publish_context{{settings_.self, settings_.self, 0}, op.emits.size(), {}});
    for (const journal::accept_op& each : op.emits)
      gather(each);
    op.emits.clear();
  }
#endif
  submit_finish(slot, std::move(op));
}

/// Its delivery goes on later: what it wants to keep and when it goes on are one commit.
void scheduler_core::put_to_sleep_again(std::uint32_t slot) {
  if (has_forbidden_state(slot))
    return;
  live_delivery& delivery = lanes_.deliveries[slot];
  delivery.at = stage::deciding;
  journal::attempt_op op;
  op.state_of_key = state_change_of(slot);
#ifdef SKEIN_BUG_SLEEP_FORGETS_STATE
  op.state_of_key.reset();
#endif
  instant due = delivery.next_due;
#ifdef SKEIN_BUG_SLEEP_WAKES_EARLY
  delivery.wake -= delivery.outcome->retry_after / 2;
  due -= delivery.outcome->retry_after / 2;
#endif
  again_at(slot, std::move(op), due, delivery.wake);
}

/// Submits the record of a turn after which another one follows.
void scheduler_core::again_at(std::uint32_t slot, journal::attempt_op op, instant due,
                              boot_time wake) {
  live_delivery& delivery = lanes_.deliveries[slot];
  const turn_outcome& outcome = *delivery.outcome;
  op.epoch = epoch_of(outcome.turn.delivery.event.shard);
  op.delivery = outcome.turn.delivery;
  op.agent = delivery.agent;
  op.attempt = outcome.turn.attempt;
  op.started = outcome.started;
  op.finished = outcome.finished;
  op.next_due = due;
  delivery.next_due = due;
  delivery.wake = wake;
  gather(std::move(op));
  submit_contexts_.push_back(outcome_context{slot});
}

std::optional<journal::state_change> scheduler_core::state_change_of(std::uint32_t slot) {
  const live_delivery& delivery = lanes_.deliveries[slot];
  turn_outcome& outcome = *delivery.outcome;
  if (!outcome.sets_state && !outcome.deletes_state)
    return std::nullopt;
  return journal::state_change{lanes_.lanes[delivery.lane].key, outcome.deletes_state,
                               std::move(outcome.state)};
}

/// Ends the delivery if so.
bool scheduler_core::has_forbidden_state(std::uint32_t slot) {
  const live_delivery& delivery = lanes_.deliveries[slot];
  if (!delivery.begun_pure || !(delivery.outcome->sets_state || delivery.outcome->deletes_state))
    return false;
  finish_without_turn(slot, delivery_state::dead, errc::agent_output_invalid,
                      "an agent declared pure may not have state");
  return true;
}

result<std::vector<journal::accept_op>>
scheduler_core::route_emits(std::vector<offered_event>& emits, shard_id from) {
  std::vector<journal::accept_op> routed;
  routed.reserve(emits.size());
  for (offered_event& each : emits) {
    auto deliveries = routes_.match(each.head());
    if (!deliveries)
      return error{errc::too_many_deliveries, "emitted event " + std::to_string(routed.size())};
    routed.push_back({{}, std::move(each), *deliveries});
    address_emit(routed.back(), from);
  }
  return routed;
}

/// To the epoch of its shard; by way of the outbox, if that is not this node's.
void scheduler_core::address_emit(journal::accept_op& emit, shard_id from) const {
  emit.epoch = epoch_of(emit.event.shard);
  if (!settings_.shared || raw(emit.epoch) != 0)
    return;
  emit.event = boxed(std::move(emit.event), from);
  emit.epoch = epoch_of(from);
  emit.deliveries = {};
  emit.deliveries.add(settings_.outbox);
}

/// Ends a delivery by our own word: cancelled, expired, dead.
void scheduler_core::finish_without_turn(std::uint32_t slot, delivery_state state, errc code,
                                         std::string text) {
  const live_delivery& delivery = lanes_.deliveries[slot];
  journal::finish_op op;
  op.state = state;
  op.attempt = delivery.failures();
  op.finished = now_.wall;
  if (delivery.outcome) { // the attempt that decided it
    const bool has_its_own_row = delivery.at == stage::deciding && delivery.next_due != no_instant;
    const bool sleeps = delivery.outcome->verdict == turn_verdict::slept;
    op.attempt += has_its_own_row && sleeps ? 0u : 1u; // that row tells of no attempt
    if (!has_its_own_row) {
      op.started = delivery.outcome->started;
      op.finished = delivery.outcome->finished;
    }
  } else if (delivery.at == stage::running) { // the attempt that is cut off by it
    ++op.attempt;
    op.started = delivery.started;
  }
  op.code = code;
  op.error = std::move(text);
  submit_finish(slot, std::move(op));
}

void scheduler_core::submit_finish(std::uint32_t slot, journal::finish_op op) {
  live_delivery& delivery = lanes_.deliveries[slot];
  live_event& event = lanes_.events[delivery.event];
  SKEIN_CHECK(event.open > 0);
  op.epoch = epoch_of(event.id.shard);
  op.delivery = {event.id, delivery.index};
  op.agent = delivery.agent;
  --event.open;
  event.count_end(op.state, +1);
  op.event_state = event.open > 0 ? delivery_state::pending : event.ended_as();
  std::erase(accused_, slot);
  const std::uint32_t lane_slot = delivery.lane;
  const bool parked = lane_slot != no_slot && lanes_.lanes[lane_slot].loading &&
                      lanes_.lanes[lane_slot].loading_for == slot;
  if (delivery.at !=
      stage::closing) // else an outcome of it was refused whole, and this one takes its place
    lanes_.close(slot);
  if (parked) // what it waited for was for this delivery
    unpark(lane_slot, true);
  gather(std::move(op));
  submit_contexts_.push_back(outcome_context{slot});
}

/// Cancelled or expired, whatever the delivery does now, unless its outcome is with the journal:
/// then that one wins. Outcomes of later turns of a pure lane that waited for this one are used.
void scheduler_core::end_by_word(std::uint32_t slot, delivery_state state, std::string text) {
  const shard_id shard = lanes_.events[lanes_.deliveries[slot].event].id.shard;
  if (shards_[raw(shard)].lost) // it is not ours to end any more
    return;
  if (lanes_.deliveries[slot].at == stage::closing && !withdraw_deferred(slot))
    return;
#ifdef SKEIN_BUG_LANE_FORGETS_STOPPED_TURN
  stop_turn(slot, false);
#else
  stop_turn(slot, !lanes_.pure(lanes_.deliveries[slot].agent));
#endif
  finish_without_turn(slot, state, errc::none, std::move(text));
  if (const std::uint32_t lane_slot = lanes_.deliveries[slot].lane; lane_slot != no_slot)
    settle_lane(lane_slot);
}

/// The turn is told to stop. Until its runner reports it, it counts as running, and the lane of an
/// agent that is not pure waits for it (promise 4).
void scheduler_core::stop_turn(std::uint32_t slot, bool holds_lane) {
  const live_delivery& delivery = lanes_.deliveries[slot];
  if (delivery.at != stage::running)
    return;
  const turn_id turn{{lanes_.events[delivery.event].id, delivery.index}, delivery.attempts + 1};
  send_reliable(agent_at(delivery.agent),
                cancel_turns{settings_.agents[raw(delivery.agent)].name, {turn}});
  stopped_.emplace(std::pair{turn, epoch_of(turn.delivery.event.shard)},
                   holds_lane ? delivery.lane : no_slot);
  if (holds_lane)
    lanes_.hold(delivery.lane);
}

// ---- what the journal said --------------------------------------------------------------------

void scheduler_core::settle_outcome(std::uint32_t slot, journal::operation& op,
                                    const journal::op_result& verdict, instant at) {
  SKEIN_CHECK(!std::holds_alternative<journal::keep_op>(op)); // no loop submits one
  if (auto* finish = std::get_if<journal::finish_op>(&op))
    settle_finish(slot, *finish, verdict, at);
  else if (const auto* attempt = std::get_if<journal::attempt_op>(&op))
    settle_attempt(slot, *attempt, verdict);
  else
    settle_start(slot, verdict);
}

/// Whether nothing of it was applied: then the delivery ends otherwise, later, or with its shard.
bool scheduler_core::is_not_applied(std::uint32_t slot, journal::finish_op& op,
                                    const journal::op_result& verdict) {
  live_event& event = lanes_.events[lanes_.deliveries[slot].event];
  if (verdict.status == journal::op_status::fenced) {
    is_fenced(event.id.shard, op.epoch);
    return true;
  }
  if (verdict.status == journal::op_status::dedupe_full)
    tell_window_is_full();
  // No room for what it emits, or a shard that it emits to has just changed hands: the turn is not
  // run again for that.
  if (verdict.status == journal::op_status::dedupe_full ||
      verdict.status == journal::op_status::emit_fenced) {
    defer(slot, std::move(op));
    return true;
  }
  if (verdict.status != journal::op_status::emit_conflict)
    return false;
  ++event.open;
  event.count_end(op.state, -1);
  finish_without_turn(slot, delivery_state::dead, errc::identity_conflict,
                      "emitted event " + std::to_string(verdict.emit) +
                          " has the identity of another event");
  return true;
}

void scheduler_core::count_finish(std::uint32_t slot, const journal::finish_op& op,
                                  const journal::op_result& verdict) {
  const live_delivery& delivery = lanes_.deliveries[slot];
  live_event& event = lanes_.events[delivery.event];
  if (verdict.status == journal::op_status::already_terminal) {
    event.count_end(op.state, -1);
    event.count_end(verdict.actual, +1);
    return;
  }
  if (verdict.status != journal::op_status::applied)
    return log(log_severity::error, "outcome-refused", "the journal refused an outcome", slot);
  count_outcome(op.state);
  if (settings_.tell_turns)
    log(log_severity::debug, "delivery-ended",
        std::string{to_string(op.state)} + " at attempt " + std::to_string(op.attempt), slot);
  if (op.state == delivery_state::dead)
    log(log_severity::warning, "delivery-dead",
        "dead letter: " + turn_error_text(op.code, op.error), slot);
  if (op.state_of_key && delivery.lane != no_slot) {
    keep_state(delivery.lane, *op.state_of_key);
    settings_.agents[raw(delivery.agent)].has_state = true;
  }
  if (op.state != delivery_state::cancelled)
    return;
  if (const auto asked = cancels_.find(event.id.sequence); asked != cancels_.end())
    for (cancel_context& each : asked->second)
      ++each.cancelled;
}

void scheduler_core::settle_finish(std::uint32_t slot, journal::finish_op& op,
                                   const journal::op_result& verdict, instant at) {
  if (is_not_applied(slot, op, verdict))
    return;
  count_finish(slot, op, verdict);
  const live_delivery& delivery = lanes_.deliveries[slot];
  const live_event& event = lanes_.events[delivery.event];
  if (delivery.alone)
    end_alone_turn();
  const event_id id = event.id;
  const bool leaves = event.live == 1;
  if (leaves) {
    body_bytes_ -= event.body.size();
    sleeping_ -= event.sleeping_key.empty() ? 0u : 1u;
  }
  // What the journal says counts; who was first (already_terminal) was told the same.
  const bool is_over = verdict.status == journal::op_status::applied
                           ? verdict.event_end != delivery_state::pending
                           : leaves && event.away == 0;
  const delivery_state event_ended_as =
      verdict.event_end != delivery_state::pending ? verdict.event_end : event.ended_as();
  if (delivery.lane != no_slot && lanes_.lanes[delivery.lane].size == 1 &&
      lanes_.lanes[delivery.lane].reading)
    unpark(delivery.lane, false); // it goes before what it waits for comes
  if (op.state == delivery_state::cancelled || op.state == delivery_state::expired)
    has_ended_early(op.delivery);
  lanes_.remove_delivery(slot);
  if (is_over) {
    --pending_;
    --shards_[raw(id.shard)].pending;
    event_ended(id, event_ended_as);
  }
  for (std::size_t i = 0; i < verdict.emits.size(); ++i)
    if (!verdict.emits[i].duplicate && is_here(verdict.emits[i].event.shard)) {
      ++counted_.accepted;
      take_in(verdict.emits[i].event, op.emits[i].event, op.emits[i].deliveries, at);
    }
}

/// For the lane's next turn, if there is one and room for it; else it is read when one comes.
void scheduler_core::keep_state(std::uint32_t lane_slot, const journal::state_change& now) {
  const bool fits = lanes_.state_bytes() + now.value.size() <= limits::loop_state_cache_bytes;
  if (lanes_.lanes[lane_slot].size == 1 || !fits)
    lanes_.forget_state(lane_slot);
  else if (now.erase)
    lanes_.know_state(lane_slot, std::nullopt);
  else
    lanes_.know_state(lane_slot, now.value.copy());
}

void scheduler_core::settle_attempt(std::uint32_t slot, const journal::attempt_op& op,
                                    const journal::op_result& verdict) {
  live_delivery& delivery = lanes_.deliveries[slot];
  // It may be a long time: the state is read when its delivery goes on, or the next one starts.
  if (op.state_of_key && verdict.status == journal::op_status::applied) {
    lanes_.forget_state(delivery.lane);
    settings_.agents[raw(delivery.agent)].has_state = true;
  }
  if (delivery.at != stage::deciding)
    return; // cancelled or expired meanwhile: that outcome is on its way
  if (verdict.status == journal::op_status::fenced)
    return is_fenced(op.delivery.event.shard, op.epoch);
  if (verdict.status != journal::op_status::applied) {
    log(log_severity::error, "attempt-refused", "the journal refused a failed attempt", slot);
    return;
  }
  ++(op.slept() ? counted_.slept : counted_.retried);
  delivery.attempts = op.attempt;
  delivery.asleep = op.slept();
  delivery.sleeps += op.slept() ? 1u : 0u;
  delivery.next_due = op.next_due;
  delivery.outcome.reset();
  delivery.suspected = suspicion::none; // it ran to an end: it does not kill the process
  if (std::exchange(delivery.alone, false))
    end_alone_turn();
  lanes_.deactivate(slot, stage::retrying);
  drop_body(lanes_.events[delivery.event]);
#ifdef SKEIN_BUG_RETRY_WAKES_BY_WALL
  delivery.wake = now_.boot + (op.next_due - now_.wall);
#endif
  armed_retries_.push_back({{op.delivery, op.attempt}, delivery.wake});
}

/// Between attempts a body stays in memory only while the cache is at most half full: many large
/// events that are tried for days must neither fill it nor pass its limit. A sibling's turn that is
/// about to start needs it.
void scheduler_core::drop_body(live_event& event) {
  if (body_bytes_ <= limits::loop_body_cache_bytes / 2)
    return;
  for (std::uint32_t at = event.first_delivery; at != no_slot;
       at = lanes_.deliveries[at].next_sibling)
    if (lanes_.deliveries[at].at == stage::starting)
      return;
  body_bytes_ -= event.body.size();
  event.body = {};
}

void scheduler_core::settle_start(std::uint32_t slot, const journal::op_result& verdict) {
  --starts_;
  live_delivery& delivery = lanes_.deliveries[slot];
  const shard_id shard = lanes_.events[delivery.event].id.shard;
  if (verdict.status == journal::op_status::fenced)
    is_fenced(shard, epoch_of(shard));
  if (delivery.at != stage::starting || !starting_ || goes(shard) ||
      verdict.status != journal::op_status::applied) {
    give_back_slot(delivery.agent);
    if (delivery.at == stage::starting) {
      lanes_.deactivate(slot, stage::waiting);
      leave_alone_slot_if_gone(slot);
    }
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

} // namespace skein
