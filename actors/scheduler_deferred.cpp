// scheduler_core: a store that refuses for now (no room on the disk, the dedupe window is full).
//
// A refusal is a definite no: nothing was written, and what cannot be offered again by its sender
// (outcomes, durable starts) is kept and submitted again. While the store refuses whole submits no
// turn starts that could not commit: turns begin with a durable start then, as suspects do, a few
// at a time, and run when that was written. See docs/decisions/0009.
#include "actors/scheduler_core.hpp"

#include "journal/payload_bytes.hpp"
#include "protocol/check.hpp"

#include <algorithm>
#include <utility>

namespace skein {

namespace {

/// The effects as copies: what is kept is not to keep the frames that they came in.
void own_effects(journal::operation& op) {
  auto* finish = std::get_if<journal::finish_op>(&op);
  auto* attempt = std::get_if<journal::attempt_op>(&op);
  if (auto* change = finish != nullptr    ? &finish->state_of_key
                     : attempt != nullptr ? &attempt->state_of_key
                                          : nullptr;
      change != nullptr && *change)
    (*change)->value = (*change)->value.copy();
  if (finish == nullptr)
    return;
  finish->reply = finish->reply.copy();
  for (journal::accept_op& each : finish->emits)
    each.event.body = each.event.body.copy();
}

} // namespace

void scheduler_core::defer(std::uint32_t slot, journal::operation op) {
  own_effects(op);
  if (std::holds_alternative<journal::attempt_op>(op))
    lanes_.deliveries[slot].next_due = no_instant; // a cancel may still take its place
  const std::size_t bytes = journal::payload_bytes(op);
  deferred_bytes_ += bytes;
  deferred_.push_back({slot, lanes_.deliveries[slot].agent, std::move(op), bytes});
}

/// Whether another turn may begin: not if its outcome would only be kept in memory.
bool scheduler_core::may_start_one() const {
  if (deferred_.size() >= limits::deferred_operations_max ||
      deferred_bytes_ >= limits::deferred_bytes_max)
    return false;
  return !store_refuses_ || starts_ < limits::store_probes_max;
}

void scheduler_core::refused_by_store() {
  if (!std::exchange(store_refuses_, true))
    log(log_severity::info, "store-refuses",
        "nothing starts that could not commit until the store takes something again");
}

void scheduler_core::taken_by_store() {
  if (!std::exchange(store_refuses_, false))
    return;
  log(log_severity::info, "store-takes-again", "turns start again");
  submit_deferred();
}

/// What the store refused is submitted again; while it refuses, only a few as probes.
void scheduler_core::submit_deferred() {
  std::size_t most = store_refuses_ ? limits::store_probes_max : deferred_.size();
  for (std::size_t looked = deferred_.size(); looked > 0 && most > 0; --looked) {
    deferred_operation each = std::move(deferred_.front());
    deferred_.pop_front();
    deferred_bytes_ -= each.bytes;
    if (is_stale(each.op, each.delivery)) {
      if (std::holds_alternative<journal::start_op>(each.op)) {
        --starts_;
        give_back_slot(each.agent);
      }
      continue;
    }
    --most;
    if (auto* finish = std::get_if<journal::finish_op>(&each.op)) {
      // The event's other deliveries may have ended otherwise than it was thought then.
      const live_event& event = lanes_.events[lanes_.deliveries[each.delivery].event];
      finish->event_state = event.open > 0 ? delivery_state::pending : event.ended_as();
      for (journal::accept_op& emit : finish->emits)
        address_emit(emit, finish->delivery.event.shard);
    }
    gather(std::move(each.op));
    submit_contexts_.push_back(outcome_context{each.delivery});
  }
}

/// A start or a failed attempt whose delivery was ended by our own word meanwhile has nothing left
/// to say.
bool scheduler_core::is_stale(const journal::operation& op, std::uint32_t slot) const {
  const auto* start = std::get_if<journal::start_op>(&op);
  const auto* attempt = std::get_if<journal::attempt_op>(&op);
  if (start == nullptr && attempt == nullptr)
    return false;
  const delivery_id& id = start != nullptr ? start->delivery : attempt->delivery;
  return lanes_.find_delivery(id) != slot ||
         lanes_.deliveries[slot].at != (start != nullptr ? stage::starting : stage::deciding);
}

/// Takes back an outcome that is not with the journal, so that another one can take its place.
bool scheduler_core::withdraw_deferred(std::uint32_t slot) {
  const auto found =
      std::find_if(deferred_.begin(), deferred_.end(), [slot](const deferred_operation& each) {
        return each.delivery == slot && std::holds_alternative<journal::finish_op>(each.op);
      });
  if (found == deferred_.end())
    return false;
  live_event& event = lanes_.events[lanes_.deliveries[slot].event];
  ++event.open;
  event.count_end(std::get<journal::finish_op>(found->op).state, -1);
  deferred_bytes_ -= found->bytes;
  deferred_.erase(found);
  return true;
}

} // namespace skein
