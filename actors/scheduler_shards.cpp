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

/// Agents of other nodes: what waits for them waits here too.
void scheduler_core::know_agents(const std::vector<std::string>& names) {
  for (std::size_t number = slots_.size(); number < names.size(); ++number) {
    settings_.agents.push_back({names[number]});
    slots_.emplace_back();
    lanes_.add_agent({});
    for (auto& [which, of] : tenures_)
      of.away.resize(number + 1);
  }
  sharing_agents_ = count_sharing(settings_);
}

void scheduler_core::on(adopted_shards& input) {
  know_agents(input.agent_names);
  const std::uint32_t number = ++last_tenure_;
  tenures_.emplace(number, tenure{input.opened_at, input.unclean, slots_.size()});
  for (const journal::held_shard& each : input.shards) {
    SKEIN_CHECK(raw(each.shard) < shards_.size() && !is_here(each.shard));
    shards_[raw(each.shard)] = {.epoch = each.epoch,
                                .tenure = is_of_loop(each.shard) ? number : no_tenure};
  }
  for (const agent_no each : input.agents_with_state)
    settings_.agents[raw(each)].has_state = true;
  for (const journal::pending_event& each : input.pending)
    recover(each);
  end_empty_tenures(); // they may all be of other loops
}

/// Of those that are here the loop has told itself.
void scheduler_core::on(forgot_in& input) {
  for (const shard_id each : input.shards)
    if (raw(each) < shards_.size() && !is_here(each))
      shards_[raw(each)] = {};
}

void scheduler_core::on(lease_until_in& input) {
  serves_until_ = std::max(serves_until_, input.until);
}

/// A turn of its delivery may still run here, from the time when the shard was here before: the
/// lane waits for it, whatever the agent is.
void scheduler_core::enter_lane(std::uint32_t slot, std::string_view key, instant ready_at,
                                bool ripe) {
  lanes_.enter(slot, key, ready_at, ripe);
  if (stopped_.empty())
    return;
  const live_delivery& entered = lanes_.deliveries[slot];
  const delivery_id id{lanes_.events[entered.event].id, entered.index};
  for (auto& [which, lane_slot] : stopped_)
    if (which.first.delivery == id && lane_slot == no_slot) {
      lane_slot = entered.lane;
      lanes_.hold(lane_slot);
    }
}

bool scheduler_core::takes_events_of(shard_id shard) const noexcept {
  return is_here(shard) && shards_[raw(shard)].at != shard_stage::closing;
}

// ---- going ------------------------------------------------------------------------------------

void scheduler_core::on(leave_in& input) {
  std::vector<shard_id> leaving;
  for (const shard_id each : input.shards) {
    if (!is_here(each) || goes(each))
      continue;
    shards_[raw(each)].at = shard_stage::leaving;
    leaving.push_back(each);
  }
  lanes_.freeze(set_of(leaving), true);
  going_.insert(going_.end(), leaving.begin(), leaving.end());
}

void scheduler_core::on(stay_in& input) {
  std::vector<shard_id> staying;
  for (const shard_id each : input.shards) {
    if (!is_here(each) || shards_[raw(each)].at != shard_stage::leaving)
      continue;
    shards_[raw(each)].at = shard_stage::held;
    std::erase(going_, each);
    staying.push_back(each);
  }
  lanes_.freeze(set_of(staying), false);
}

void scheduler_core::on(lose_in& input) {
  std::vector<shard_id> lost;
  for (const journal::held_shard& each : input.shards)
    if (is_here(each.shard) && epoch_of(each.shard) == each.epoch)
      lost.push_back(each.shard);
  lose(lost);
}

/// What the store said of an operation with an epoch that is not the newest any more.
void scheduler_core::is_fenced(shard_id shard, epoch_no epoch) {
  if (!is_here(shard) || epoch_of(shard) != epoch || shards_[raw(shard)].lost)
    return; // it is known, or went and came back since
  out_->push_back(fenced_effect{shard, epoch});
  lose({shard});
}

void scheduler_core::lose(const std::vector<shard_id>& shards) {
  std::vector<shard_id> lost;
  for (const shard_id each : shards) {
    if (!is_here(each) || std::exchange(shards_[raw(each)].lost, true))
      continue;
    shard_hold& had = shards_[raw(each)];
    if (had.at == shard_stage::held)
      going_.push_back(each);
    had.at = shard_stage::closing;
    had.closes_after.reset();
    lost.push_back(each);
  }
  if (lost.empty())
    return;
  const shard_set all = set_of(lost);
  lanes_.freeze(all, true);
  stop_turns_of(all);
}

shard_set scheduler_core::set_of(const std::vector<shard_id>& shards) const {
  shard_set all(shards_.size());
  for (const shard_id each : shards)
    all[raw(each)] = true;
  return all;
}

/// Their outcomes would be refused, and their lanes go: nothing waits for them.
void scheduler_core::stop_turns_of(const shard_set& shards) {
  for (const std::uint32_t slot : lanes_.deliveries_of(shards))
    stop_turn(slot, false);
  for (auto& [which, lane_slot] : stopped_)
    if (shards[raw(which.first.delivery.event.shard)] && lane_slot != no_slot)
      lanes_.let_go(std::exchange(lane_slot, no_slot));
}

/// An operation that is about to be submitted keeps its delivery here until it is answered.
void scheduler_core::keep_until_answered(const journal::operation& op) {
  for (const shard_id each : going_)
    if (shards_[raw(each)].at == shard_stage::closing && journal::shard_of_operation(op) == each)
      shards_[raw(each)].closes_after.reset();
}

/// After the submits of this step.
void scheduler_core::give_up_what_is_quiet() {
  std::vector<shard_id> lost;
  for (const shard_id each : going_)
    if (shards_[raw(each)].lost)
      lost.push_back(each);
  if (!lost.empty() && !deferred_.empty())
    drop_deferred_of(set_of(lost));
  std::vector<shard_id> gone;
  for (const shard_id each : going_) {
    shard_hold& of = shards_[raw(each)];
    if (of.at == shard_stage::leaving && is_quiet(each))
      of.at = shard_stage::closing;
    if (of.at != shard_stage::closing)
      continue;
    if (!of.closes_after)
      of.closes_after = submitted_;
    if (answered_ >= *of.closes_after && !has_deferred_of(each))
      gone.push_back(each);
  }
  if (gone.empty())
    return;
  const shard_set all = set_of(gone);
  std::erase_if(going_, [&](shard_id each) { return all[raw(each)]; });
  forget(all);
  out_->push_back(gave_up_effect{std::move(gone)});
}

/// No turn of it runs, and no outcome waits for anything.
bool scheduler_core::is_quiet(shard_id shard) const {
  return lanes_.active_of(shard) == 0 &&
         std::none_of(stopped_.begin(), stopped_.end(), [shard](const auto& each) {
           return each.first.first.delivery.event.shard == shard;
         });
}

bool scheduler_core::has_deferred_of(shard_id shard) const {
  return std::any_of(deferred_.begin(), deferred_.end(), [shard](const auto& each) {
    return journal::shard_of_operation(each.op) == shard;
  });
}

void scheduler_core::drop_deferred_of(const shard_set& shards) {
  std::erase_if(deferred_, [&](const deferred_operation& each) {
    if (!shards[raw(journal::shard_of_operation(each.op))])
      return false;
    if (std::holds_alternative<journal::start_op>(each.op)) {
      --starts_;
      give_back_slot(each.agent);
    }
    deferred_bytes_ -= each.bytes;
    return true;
  });
}

void scheduler_core::forget(const shard_set& shards) {
  forget_askers_of(shards);
  for (const std::uint32_t slot : lanes_.deliveries_of(shards)) {
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
  for (const std::uint32_t slot : lanes_.lanes_of(shards)) { // kept by what they had on disk
    long_lanes_.erase(slot);
    lanes_.lanes[slot].away.reset();
    lanes_.release_if_empty(slot);
  }
  for (std::size_t shard = 0; shard < shards.size(); ++shard)
    if (shards[shard]) {
      SKEIN_CHECK(pending_ >= shards_[shard].pending);
      pending_ -= shards_[shard].pending;
      shards_[shard] = {};
    }
  lanes_.freeze(shards, false);
  end_empty_tenures();
}

void scheduler_core::end_empty_tenures() {
  std::set<std::uint32_t> with_shards;
  for (const shard_hold& each : shards_)
    with_shards.insert(each.tenure);
  std::erase_if(tenures_, [&](const auto& each) { return !with_shards.contains(each.first); });
  std::erase_if(asked_in_vain_, [&](const rows_asked& each) {
    return each.why == rows_asked::purpose::sleepers && !tenures_.contains(each.owner.tenure);
  });
}

} // namespace skein
