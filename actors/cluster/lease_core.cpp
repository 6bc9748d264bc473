#include "actors/cluster/lease_core.hpp"

#include "protocol/check.hpp"

#include <algorithm>
#include <utility>

namespace skein {

namespace {

/// "node:boot nonce".
std::string node_of(const std::string& owner) { return owner.substr(0, owner.rfind(':')); }

} // namespace

lease_core::lease_core(lease_settings settings)
  : settings_{std::move(settings)}, shards_(settings_.shards) {
  owners_.owners.assign(settings_.shards, no_member);
}

void lease_core::step(lease_input input, moment now, std::vector<lease_effect>& out) {
  now_ = now;
  out_ = &out;
  std::visit([this](auto& body) { on(body); }, input);
  lose_patience();
  beat_if_due();
  if (leaving_ && !emptied_ &&
      std::all_of(shards_.begin(), shards_.end(),
                  [](const shard_state& each) { return each.at == stage::others; })) {
    emptied_ = true;
    out_->push_back(emptied_effect{});
  }
  arm();
  out_ = nullptr;
}

bool lease_core::is_mine(const shard_state& which) const noexcept {
  return which.at != stage::others && which.at != stage::taking && which.at != stage::lost &&
         !(which.at == stage::forgetting && !which.in_order);
}

std::size_t lease_core::held() const noexcept {
  return static_cast<std::size_t>(std::count_if(
      shards_.begin(), shards_.end(), [this](const shard_state& each) { return is_mine(each); }));
}

// ---- the store's word -------------------------------------------------------------------------

void lease_core::on(beat_in& input) {
  beating_ = false;
  if (!input.view || !input.held) {
    ++counted_.beats_failed;
    const error& why = !input.view ? input.view.error() : input.held.error();
    if (!std::exchange(over_told_, true))
      log(log_severity::warning, "leases-not-renewed",
          "the store did not renew the leases of this node: " + to_string(why));
    return;
  }
  ++counted_.beats;
  if (std::exchange(over_told_, false))
    log(log_severity::info, "leases-renewed", "the store renews the leases of this node again");
  view_ = *std::move(input.view);
  heard_ = input.asked;
  look_for_twin();
  hold_against(*input.held); // first: what is lost is not to be worked on a moment longer
  extend(input.asked);
  settle();
}

/// Another process under this node's name. One that was killed is a member for a while and beats no
/// more; one that was here first, and beats, has the name.
void lease_core::look_for_twin() {
  const bool is_first_look = counted_.beats == 1;
  const auto twin = std::find_if(
      view_->members.begin(), view_->members.end(), [this](const journal::live_member& each) {
        return each.who.node == settings_.self.node && each.who.boot != settings_.self.boot;
      });
  if (twin == view_->members.end()) {
    twin_until_.reset();
  } else if (is_first_look) {
    twin_until_ = twin->until;
  } else if (twin_until_ && twin->until > *twin_until_) {
    twin_until_.reset();
    log(log_severity::error, "node-runs-already",
        "another process runs as node " + settings_.self.node +
            (twin->who.address.empty() ? std::string{} : " at " + twin->who.address) +
            ": this one ends; a node of one store "
            "has a name of its own");
    out_->push_back(twin_effect{});
  }
}

/// Tells whose each shard is, and takes and gives what is to move.
void lease_core::settle() {
  if (!view_)
    return;
  placement now = placement_now();
  rebalance(now);
  tell_owners(std::move(now));
}

/// Counted from before the question: the store may have read its clock at once.
void lease_core::extend(boot_time asked) {
#ifdef SKEIN_BUG_LEASE_FROM_THE_ANSWER
  asked = now_.boot;
#endif
  const boot_time until = asked + settings_.ttl - settings_.margin;
  if (until <= until_)
    return;
  until_ = until;
  out_->push_back(lease_until_effect{until_});
}

/// What the store renewed is ours, and nothing else is.
void lease_core::hold_against(const std::vector<journal::held_shard>& renewed) {
  std::vector<bool> ours(shards_.size());
  std::vector<journal::taken_shard> found;
  std::vector<shard_id> gone;
  for (const journal::held_shard& each : renewed) {
    if (raw(each.shard) >= shards_.size())
      continue;
    shard_state& known = shards_[raw(each.shard)];
    ours[raw(each.shard)] = true;
    if (known.at == stage::others) // an answer was lost, and how it was taken with it
      found.push_back({each, false});
    else if (is_mine(known) && known.epoch != each.epoch)
      gone.push_back(each.shard); // and taken anew since: the next beat finds it
  }
  for (std::size_t shard = 0; shard < shards_.size(); ++shard)
    if (is_mine(shards_[shard]) && !ours[shard] && shards_[shard].at != stage::releasing)
      gone.push_back(static_cast<shard_id>(shard));
  lost(std::move(gone));
  adopt(found);
}

void lease_core::on(taken_in& input) {
  for (const shard_id each : input.wanted)
    if (shard_state& known = shards_[raw(each)]; known.at == stage::taking)
      known.at = stage::others;
  if (!input.taken) {
    log(log_severity::warning, "shards-not-taken", to_string(input.taken.error()));
    return;
  }
  std::vector<journal::taken_shard> taken;
  for (const journal::taken_shard& each : *input.taken)
    if (shards_[raw(each.held.shard)].at == stage::others)
      taken.push_back(each);
  counted_.taken += taken.size();
  // Of a store without a beat so far the time is known by this; else the beat's is the shorter.
  if (until_ == boot_time{})
    extend(input.asked);
  adopt(taken);
}

void lease_core::on(fenced_in& input) {
  const shard_state& known = shards_[raw(input.shard)];
  if (known.epoch == input.epoch && is_mine(known))
    lost({input.shard});
}

// ---- coming -----------------------------------------------------------------------------------

void lease_core::take(std::vector<shard_id> shards) {
  std::erase_if(shards, [this](shard_id each) {
    return raw(each) >= shards_.size() || shards_[raw(each)].at != stage::others;
  });
  if (shards.empty())
    return;
  for (const shard_id each : shards)
    shards_[raw(each)].at = stage::taking;
  out_->push_back(take_effect{std::move(shards)});
}

/// Those that their last owner gave up in order need no suspicion.
void lease_core::adopt(const std::vector<journal::taken_shard>& shards) {
  adopt_effect clean{{}, true};
  adopt_effect unclean{{}, false};
  for (const auto& [held, in_order] : shards) {
    shards_[raw(held.shard)] = {.at = stage::adopting, .epoch = held.epoch};
    (in_order ? clean : unclean).shards.push_back(held);
  }
  for (adopt_effect* each : {&clean, &unclean})
    if (!each->shards.empty())
      out_->push_back(std::move(*each));
}

void lease_core::on(adopted_in& input) {
  lose_shards_effect again;
  for (const journal::held_shard& each : input.shards) {
    shard_state& known = shards_[raw(each.shard)];
    if (known.epoch != each.epoch)
      continue;
    if (known.at == stage::adopting)
      known = input.done ? shard_state{.at = stage::held, .epoch = each.epoch} : shard_state{};
    else if (known.at == stage::lost && !input.done)
      known = {}; // it was lost while it was read, and nothing came of that
    else if (known.at == stage::lost)
      again.shards.push_back(each); // the loops have it only now
  }
  if (!again.shards.empty())
    out_->push_back(std::move(again));
  if (!input.done)
    log(log_severity::error, "shards-not-adopted",
        std::to_string(input.shards.size()) +
            " shards were taken but could not be read: " + to_string(input.done.error()));
  if (view_)
    tell_owners(placement_now());
}

void lease_core::on(hint_in& input) { take(std::move(input.shards)); }

// ---- going ------------------------------------------------------------------------------------

void lease_core::lost(std::vector<shard_id> shards) {
  std::erase_if(shards, [this](shard_id each) { return !is_mine(shards_[raw(each)]); });
  if (shards.empty())
    return;
  counted_.lost += shards.size();
  log(log_severity::warning, "shards-lost",
      std::to_string(shards.size()) + " shards were taken over by another node");
  lose_shards_effect told;
  for (const shard_id each : shards) {
    shard_state& known = shards_[raw(each)];
    if (known.at == stage::forgetting || known.at == stage::releasing) {
      known.in_order = false; // it is on its way out as it is
      continue;
    }
    known.at = stage::lost;
    told.shards.push_back({each, known.epoch});
  }
  if (!told.shards.empty())
    out_->push_back(std::move(told));
  if (view_)
    tell_owners(placement_now());
}

void lease_core::on(gave_up_in& input) {
  forget_shards_effect forget;
  for (const shard_id each : input.shards) {
    shard_state& known = shards_[raw(each)];
    if (known.at == stage::others)
      continue;
    known.in_order = known.at != stage::lost; // one that was to stay had gone too far already
    known.at = stage::forgetting;
    forget.shards.push_back(each);
  }
  if (!forget.shards.empty())
    out_->push_back(std::move(forget));
}

void lease_core::on(forgotten_in& input) {
  release_shards_effect release;
  for (const shard_id each : input.shards) {
    shard_state& known = shards_[raw(each)];
    if (known.at != stage::forgetting)
      continue;
    if (!known.in_order) {
      known = {};
      continue;
    }
    known.at = stage::releasing;
    release.shards.push_back(each);
  }
  if (!release.shards.empty())
    out_->push_back(std::move(release));
}

void lease_core::on(released_in& input) {
  std::map<std::string, std::vector<shard_id>> for_whom;
  for (const shard_id each : input.shards) {
    shard_state& known = shards_[raw(each)];
    if (known.at != stage::releasing)
      continue;
    if (input.done && !known.successor.empty())
      for_whom[known.successor].push_back(each);
    counted_.given += input.done ? 1u : 0u;
    known = {}; // if it was not released after all, the next beat finds it
  }
  for (auto& [node, shards] : for_whom)
    out_->push_back(hint_effect{node, std::move(shards)});
  settle(); // there is room for others to go
}

void lease_core::on(empty_in& input) {
  if (for_good_ && !input.leaving)
    return log(log_severity::warning, "undrain-ignored", "the node is on its way to a stop");
  leaving_ = input.leaving;
  for_good_ = input.for_good || for_good_;
  emptied_ = false;
  beat_at_.reset(); // the others are to know at once
  settle();
}

// ---- who is to have what ----------------------------------------------------------------------

std::vector<lease_member> lease_core::members() const {
  std::vector<lease_member> all;
  if (view_)
    for (const journal::live_member& each : view_->members) {
      const bool is_self = each.who.owner() == settings_.self.owner();
      all.push_back(
          {each.who.node, each.who.address, each.who.weight, is_self ? leaving_ : each.leaving});
    }
  std::stable_sort(all.begin(), all.end(),
                   [](const lease_member& a, const lease_member& b) { return a.node < b.node; });
  // Of a node that has started again the process before is there for a while.
  all.erase(
      std::unique(all.begin(), all.end(),
                  [](const lease_member& a, const lease_member& b) { return a.node == b.node; }),
      all.end());
  return all;
}

/// Of nodes that were drained by command each keeps what it has, and takes what is nobody's, while
/// no other takes part.
bool lease_core::gives_up() const {
  const auto takes_part = [this](const journal::live_member& each) {
    return each.who.owner() != settings_.self.owner() && !each.leaving;
  };
  return leaving_ &&
         (for_good_ || std::any_of(view_->members.begin(), view_->members.end(), takes_part));
}

placement lease_core::placement_now() const {
  placement now;
  std::map<std::string, std::uint32_t> index; // by owner
  for (const journal::live_member& each : view_->members) {
    const bool is_self = each.who.owner() == settings_.self.owner();
    index.emplace(each.who.owner(), static_cast<std::uint32_t>(now.members.size()));
    now.members.push_back({each.who.owner(), each.who.weight, is_self ? gives_up() : each.leaving});
  }
  now.owners.assign(shards_.size(), no_member);
  const auto self = index.find(settings_.self.owner());
  for (std::size_t shard = 0; shard < shards_.size(); ++shard) {
    if (self != index.end() && is_mine(shards_[shard])) {
      now.owners[shard] = self->second;
      continue;
    }
    const journal::shard_lease& lease = view_->leases.at(shard);
    if (lease.until < view_->at || lease.owner == settings_.self.owner())
      continue;
    // An owner that was not heard of keeps its shards until their leases are over.
    if (const auto found = index.find(lease.owner); found != index.end())
      now.owners[shard] = found->second;
  }
  return now;
}

void lease_core::rebalance(const placement& now) {
  if (twin_until_)
    return; // whose the name is is not known yet
  const auto self = std::find_if(now.members.begin(), now.members.end(), [&](const auto& each) {
    return each.name == settings_.self.owner();
  });
  if (self == now.members.end())
    return; // the store has not heard of us in time
  const auto own = static_cast<std::uint32_t>(self - now.members.begin());
  std::vector<shard_id> wanted;
  std::vector<shard_move> leaving;
  for (const shard_move& each : moves_to_shares(now)) {
    if (each.from == no_member && each.to == own &&
        view_->leases[raw(each.shard)].until < view_->at)
      wanted.push_back(each.shard);
    else if (each.from == own)
      leaving.push_back(each);
  }
  const bool is_last = std::all_of(now.members.begin(), now.members.end(),
                                   [](const placement_member& each) { return each.leaving; });
  for (std::size_t shard = 0; for_good_ && is_last && shard < shards_.size(); ++shard)
    leaving.push_back({static_cast<shard_id>(shard), own, no_member}); // for who comes later
  take(std::move(wanted));
  begin_to_leave(leaving, now);
}

void lease_core::begin_to_leave(const std::vector<shard_move>& moves, const placement& now) {
  auto busy = static_cast<std::size_t>(
      std::count_if(shards_.begin(), shards_.end(), [](const shard_state& each) {
        return each.at == stage::leaving || each.at == stage::forgetting ||
               each.at == stage::releasing;
      }));
  leave_shards_effect leave;
  for (const shard_move& each : moves) {
    shard_state& known = shards_[raw(each.shard)];
    if (busy >= settings_.leaving_max)
      break;
    if (known.at != stage::held || known.not_before > now_.boot)
      continue;
    ++busy;
    known.at = stage::leaving;
    known.since = now_.boot;
    known.successor = each.to == no_member ? "" : node_of(now.members[each.to].name);
    leave.shards.push_back(each.shard);
  }
  if (!leave.shards.empty())
    out_->push_back(std::move(leave));
}

/// What runs of a shard that leaves holds up the others of it: after a while they go on, and it is
/// tried again later; after some tries what runs is stopped.
void lease_core::lose_patience() {
  stay_shards_effect stay;
  lose_shards_effect stop;
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    shard_state& each = shards_[i];
    if (each.at != stage::leaving || each.since + settings_.patience > now_.boot)
      continue;
    if (each.tries < settings_.tries) {
      ++each.tries;
      each.at = stage::held;
      each.not_before = now_.boot + settings_.patience * each.tries;
      stay.shards.push_back(static_cast<shard_id>(i));
    } else if (each.tries == settings_.tries) {
      ++each.tries; // once
      stop.shards.push_back({static_cast<shard_id>(i), each.epoch});
    }
  }
  if (!stay.shards.empty())
    out_->push_back(std::move(stay));
  if (!stop.shards.empty())
    out_->push_back(std::move(stop));
}

void lease_core::tell_owners(placement now) {
  shard_owners all;
  for (const placement_member& each : now.members)
    all.nodes.push_back(node_of(each.name));
  all.owners = std::move(now.owners);
  if (all == owners_)
    return;
  owners_ = all;
  out_->push_back(owners_effect{std::move(all)});
}

// ---- time -------------------------------------------------------------------------------------

void lease_core::beat_if_due() {
  if (beating_ || (beat_at_ && *beat_at_ + settings_.beat > now_.boot))
    return;
  beating_ = true;
  beat_at_ = now_.boot;
  out_->push_back(beat_effect{leaving_});
}

void lease_core::arm() {
  boot_time next = beat_at_ ? *beat_at_ + settings_.beat : now_.boot;
  if (beating_)
    next = now_.boot + settings_.beat;
  for (const shard_state& each : shards_)
    if (each.at == stage::leaving && each.tries <= settings_.tries)
      next = std::min(next, each.since + settings_.patience);
  if (armed_ && *armed_ <= next && *armed_ > now_.boot)
    return;
  armed_ = next;
  out_->push_back(wake_effect{next});
}

void lease_core::log(log_severity severity, std::string_view id, std::string text) {
  out_->push_back(log_effect{severity, id, std::move(text), {}, {}, {}});
}

} // namespace skein
