#include "actors/interfaces.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace skein {

namespace {

using self_ptr = caf::stateful_actor<membership_state>*;

void send_lease_input(const caf::weak_actor_ptr& to, lease_input input) {
  send_input(to, std::move(input));
}

struct performer {
  self_ptr self;
  membership_parts& parts;

  template <class T>
  void to_loops(const T& input) const {
    for (const caf::weak_actor_ptr& each : parts.schedulers)
      send_input(each, scheduler_input{input});
  }

  /// Of shards that go. The keepers serve until then: each of their commits stands alone.
  void tell_keepers(const std::vector<shard_id>& shards) const {
    if (std::find(shards.begin(), shards.end(), keeper_shard) != shards.end())
      send_input(parts.keepers, keepers_over{});
  }

  // ---- the store's leases ----

  void operator()(beat_effect& effect) const {
    parts.leases->beat_now(
        parts.settings.ttl, effect.leaving,
        [to = weak(self), asked = parts.clock->now().boot](lease_port::beat found) {
          send_lease_input(to, beat_in{asked, std::move(found.view), std::move(found.held)});
        });
  }
  void operator()(take_effect& effect) const {
    parts.leases->take(effect.shards, parts.settings.ttl,
                       [to = weak(self), asked = parts.clock->now().boot,
                        shards = effect.shards](result<std::vector<journal::taken_shard>> taken) {
                         send_lease_input(to, taken_in{asked, shards, std::move(taken)});
                       });
  }
  void operator()(release_shards_effect& effect) const {
    parts.leases->release(effect.shards,
                          [to = weak(self), shards = effect.shards](result<void> done) {
                            send_lease_input(to, released_in{shards, std::move(done)});
                          });
  }

  // ---- the engine and the loops ----

  void operator()(adopt_effect& effect) const {
    parts.store->adopt(
        effect.shards, effect.clean,
        [to = weak(self), keepers = parts.keepers, shards = effect.shards](result<void> done) {
          for (const journal::held_shard& each : shards)
            if (done && each.shard == keeper_shard)
              send_input(keepers, keepers_adopted{each.epoch});
          send_lease_input(to, adopted_in{shards, std::move(done)});
        });
  }
  void operator()(leave_shards_effect& effect) const { to_loops(leave_in{effect.shards}); }
  void operator()(stay_shards_effect& effect) const { to_loops(stay_in{effect.shards}); }
  void operator()(lose_shards_effect& effect) const {
    for (const journal::held_shard& each : effect.shards)
      tell_keepers({each.shard});
    for (const caf::weak_actor_ptr& each : parts.agents)
      send_input(each, agent_input{lose_in{effect.shards}});
    to_loops(lose_in{effect.shards});
  }
  void operator()(forget_shards_effect& effect) const {
    tell_keepers(effect.shards);
    to_loops(forgot_in{effect.shards});
    parts.store->release(effect.shards, [to = weak(self), shards = effect.shards] {
      send_lease_input(to, forgotten_in{shards});
    });
  }
  /// The loops last: what they submit and dispatch after they have heard of it is not refused.
  void operator()(lease_until_effect& effect) const {
    self->state.until = effect.until;
    parts.store->commit_until(effect.until);
    for (const caf::weak_actor_ptr& each : parts.agents)
      send_input(each, agent_input{lease_until_in{effect.until}});
    to_loops(lease_until_in{effect.until});
  }

  // ---- others ----

  /// May be lost: the other node's next beat finds what it can take.
  void operator()(hint_effect& effect) const {
    nlohmann::json shards = nlohmann::json::array();
    for (const shard_id each : effect.shards)
      shards.push_back(raw(each));
    const nlohmann::json words{{"op", "free"}, {"shards", std::move(shards)}};
    parts.bus->send(encode_frame(
        {{parts.settings.self.node, "membership"}, {effect.node, "membership"}, 0, parts.boot},
        query{0, words.dump()}));
  }
  void operator()(owners_effect& effect) const {
    send_input(parts.keepers, desk_input{desk_owners_in{effect.all}});
    send_input(parts.gateway, gateway_call{owners_in{std::move(effect.all)}});
  }
  void operator()(twin_effect&) const { parts.give_way(); }
  void operator()(emptied_effect&) const {
    send_input(parts.shutdown, shutdown_input{emptied_in{}});
  }
  void operator()(wake_effect& effect) const {
    parts.clock->wake_at(effect.at, tick_of<lease_input>(weak(self)));
  }
  void operator()(log_effect& effect) const { parts.log("membership", effect); }
};

void step(self_ptr self, lease_input input) {
  auto& state = self->state;
  state.parts->core->step(std::move(input), state.parts->clock->now(), state.effects);
  for (lease_effect& effect : state.effects)
    std::visit(performer{self, *state.parts}, effect);
  state.effects.clear();
  const lease_core& core = *state.parts->core;
  state.parts->facts->write(
      {core.counted(), core.held(), core.owners(), core.members(), core.heard()});
}

/// Shards that another node has given up for this one.
std::optional<hint_in> read_hint(const frame& told, std::uint32_t shards) {
  const auto* asked = std::get_if<query>(&told.body);
  if (asked == nullptr)
    return std::nullopt;
  const auto words = nlohmann::json::parse(asked->json, nullptr, false);
  if (!words.is_object() || !words.contains("shards") || !words["shards"].is_array())
    return std::nullopt;
  hint_in hint;
  for (const auto& each : words["shards"])
    if (each.is_number_unsigned() && each.get<std::uint64_t>() < shards)
      hint.shards.push_back(shard_id{each.get<std::uint32_t>()});
  return hint;
}

} // namespace

caf::behavior membership_actor(self_ptr self, std::shared_ptr<membership_parts> parts) {
  self->state.parts = std::move(parts);
  return {
      [self](const parcel<lease_input>& input) { step(self, std::move(*input.value)); },
      [self](const parcel<agent_joined>& who) {
        self->state.parts->agents.push_back(who.value->agent);
        if (self->state.until)
          send_input(who.value->agent, agent_input{lease_until_in{*self->state.until}});
      },
      [self](const parcel<frame>& told) {
        if (auto hint = read_hint(*told.value, self->state.parts->settings.shards))
          step(self, *std::move(hint));
      },
  };
}

} // namespace skein
