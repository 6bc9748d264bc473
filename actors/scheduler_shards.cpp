// scheduler_core: shards that come and go while the loop runs.
//
//   adopt --> held --leave--> leaving: nothing starts --quiet--> closing: nothing is taken in
//               |  ^---stay------'                                  |
//               '--lose, or the store says so: what runs is stopped-'--submits answered--> gone
//
// What is gone leaves no trace but turns that still run somewhere (stopped_): their outcomes count
// for nothing, and if the shard comes back their lanes wait for them.
#include "actors/scheduler_core.hpp"

#include "protocol/check.hpp"

#include <algorithm>
#include <utility>

namespace skein {

// ---- coming -----------------------------------------------------------------------------------

void scheduler_core::on(adopt_in& input) {
  const std::uint32_t number = ++last_tenure_;
  tenures_.emplace(number, tenure{input.opened_at, input.unclean, slots_.size()});
  for (const journal::held_shard& each : input.shards) {
    SKEIN_CHECK(raw(each.shard) < shards_.size() && !is_here(each.shard));
    shards_[raw(each.shard)] = {.epoch = each.epoch, .tenure = number};
  }
  for (const agent_no each : input.agents_with_state)
    settings_.agents[raw(each)].has_state = true;
  for (const journal::pending_event& each : input.pending)
    recover(each);
}

/// A turn of its delivery may still run here, from the time when the shard was here before.
void scheduler_core::hold_for_stopped(std::uint32_t slot) {
  if (stopped_.empty() || lanes_.pure(lanes_.deliveries[slot].agent))
    return;
  const delivery_id id{lanes_.events[lanes_.deliveries[slot].event].id,
                       lanes_.deliveries[slot].index};
  for (auto& [turn, stopped] : stopped_)
    if (turn.delivery == id && stopped.lane == no_slot) {
      stopped.lane = lanes_.deliveries[slot].lane;
      lanes_.hold(stopped.lane);
    }
}

bool scheduler_core::takes_events_of(shard_id shard) const noexcept {
  return is_here(shard) && shards_[raw(shard)].at != shard_stage::closing;
}

// ---- going ------------------------------------------------------------------------------------

void scheduler_core::on(leave_in& input) {
  for (const shard_id each : input.shards) {
    if (!is_here(each) || shards_[raw(each)].at != shard_stage::held)
      continue;
    shards_[raw(each)].at = shard_stage::leaving;
    lanes_.freeze(each, true);
    going_.push_back(each);
  }
}

void scheduler_core::on(stay_in& input) {
  for (const shard_id each : input.shards) {
    if (!is_here(each) || shards_[raw(each)].at != shard_stage::leaving)
      continue;
    shards_[raw(each)].at = shard_stage::held;
    lanes_.freeze(each, false);
    std::erase(going_, each);
  }
}

void scheduler_core::on(lose_in& input) {
  for (const shard_id each : input.shards)
    if (is_here(each))
      lose(each);
}

/// What the store said of an operation with an epoch that is not the newest any more.
void scheduler_core::is_fenced(shard_id shard, epoch_no epoch) {
  if (!is_here(shard) || epoch_of(shard) != epoch || shards_[raw(shard)].lost)
    return; // it is known, or went and came back since
  out_->push_back(fenced_effect{shard, epoch});
  lose(shard);
}

void scheduler_core::lose(shard_id shard) {
  shard_hold& had = shards_[raw(shard)];
  if (std::exchange(had.lost, true))
    return;
  if (had.at == shard_stage::held)
    going_.push_back(shard);
  had.at = shard_stage::closing;
  had.closes_after.reset();
  lanes_.freeze(shard, true);
  stop_turns_of(shard);
}

/// Their outcomes would be refused.
void scheduler_core::stop_turns_of(shard_id shard) {
  for (const std::uint32_t slot : lanes_.deliveries_of(shard)) {
    const live_delivery& each = lanes_.deliveries[slot];
    if (each.at != stage::running)
      continue;
    const turn_id turn{{lanes_.events[each.event].id, each.index}, each.attempts + 1};
    send_reliable(agent_at(each.agent),
                  cancel_turns{settings_.agents[raw(each.agent)].name, {turn}});
    stopped_.emplace(turn, stopped_turn{epoch_of(shard), no_slot});
  }
  for (auto& [turn, stopped] : stopped_) // those that lanes wait for: they go
    if (turn.delivery.event.shard == shard && stopped.lane != no_slot)
      lanes_.let_go(std::exchange(stopped.lane, no_slot));
}

/// An operation that is about to be submitted keeps its delivery here until it is answered.
void scheduler_core::keep_until_answered(const journal::operation& op) {
  for (const shard_id each : going_)
    if (shards_[raw(each)].at == shard_stage::closing && journal::shard_of_operation(op) == each)
      shards_[raw(each)].closes_after.reset();
}

/// After the submits of this step.
void scheduler_core::give_up_what_is_quiet() {
  std::vector<shard_id> gone;
  for (const shard_id each : going_) {
    shard_hold& of = shards_[raw(each)];
    if (of.at == shard_stage::leaving && is_quiet(each))
      of.at = shard_stage::closing;
    if (of.at != shard_stage::closing)
      continue;
    if (of.lost)
      drop_deferred_of(each);
    if (!of.closes_after)
      of.closes_after = submitted_;
    if (answered_ >= *of.closes_after && !has_deferred_of(each))
      gone.push_back(each);
  }
  if (gone.empty())
    return;
  for (const shard_id each : gone) {
    std::erase(going_, each);
    forget_shard(each);
  }
  out_->push_back(gave_up_effect{std::move(gone)});
}

/// No turn of it runs, and no outcome waits for anything.
bool scheduler_core::is_quiet(shard_id shard) const {
  return lanes_.active_of(shard) == 0 &&
         std::none_of(stopped_.begin(), stopped_.end(), [shard](const auto& each) {
           return each.first.delivery.event.shard == shard;
         });
}

bool scheduler_core::has_deferred_of(shard_id shard) const {
  return std::any_of(deferred_.begin(), deferred_.end(), [shard](const auto& each) {
    return journal::shard_of_operation(each.op) == shard;
  });
}

void scheduler_core::drop_deferred_of(shard_id shard) {
  std::erase_if(deferred_, [&](const deferred_operation& each) {
    if (journal::shard_of_operation(each.op) != shard)
      return false;
    if (std::holds_alternative<journal::start_op>(each.op)) {
      --starts_;
      give_back_slot(each.agent);
    }
    deferred_bytes_ -= each.bytes;
    return true;
  });
}

void scheduler_core::forget_shard(shard_id shard) {
  forget_askers_of(shard);
  for (const std::uint32_t slot : lanes_.deliveries_of(shard)) {
    const live_delivery& each = lanes_.deliveries[slot];
    const live_event& event = lanes_.events[each.event];
    std::erase(accused_, slot);
    if (each.alone)
      end_alone_turn();
    if (event.live == 1) {
      body_bytes_ -= event.body.size();
      sleeping_ -= event.sleeping_key.empty() ? 0u : 1u;
    }
    if (each.lane != no_slot && std::exchange(lanes_.lanes[each.lane].reading, false))
      --slots_[raw(each.agent)].reading;
    lanes_.remove_delivery(slot);
  }
  for (const std::uint32_t slot : lanes_.lanes_of(shard)) { // kept by what they had on disk
    long_lanes_.erase(slot);
    lanes_.lanes[slot].away.reset();
    lanes_.release_if_empty(slot);
  }
  shard_hold& had = shards_[raw(shard)];
  SKEIN_CHECK(pending_ >= had.pending);
  pending_ -= had.pending;
  const std::uint32_t number = std::exchange(had, {}).tenure;
  lanes_.freeze(shard, false);
  end_if_empty(number);
}

/// A tenure without shards.
void scheduler_core::end_if_empty(std::uint32_t number) {
  if (std::any_of(shards_.begin(), shards_.end(),
                  [number](const shard_hold& each) { return each.tenure == number; }))
    return;
  tenures_.erase(number);
  std::erase_if(asked_in_vain_, [number](const rows_asked& each) {
    return each.why == rows_asked::purpose::sleepers && each.owner.tenure == number;
  });
}

} // namespace skein
