#include "actors/interfaces.hpp"

namespace skein {

namespace {

using self_ptr = caf::stateful_actor<shutdown_state>*;

struct performer {
  self_ptr self;
  shutdown_parts& parts;

  void operator()(give_up_effect&) const {
    send_input(parts.membership, lease_input{empty_in{true, true}});
  }
  void operator()(refuse_effect&) const {
    send_input(parts.gateway, gateway_call{refuse_in{}, {}, {}});
    send_input(parts.gateway, gateway_call{watch_progress_in{}, {}, {}});
  }
  void operator()(stop_starting_effect&) const {
    send_input(parts.jobs, job_input{stop_starting_in{}});
    send_input(parts.access, access_input{stop_starting_in{}});
    for (const auto& each : parts.schedulers) {
      send_input(each, scheduler_input{stop_starting_in{}});
      send_input(each, scheduler_input{watch_progress_in{}});
    }
  }
  void operator()(hasten_effect&) const {
    for (const auto& each : parts.agents)
      send_input(each, agent_input{hasten_in{}});
  }
  void operator()(release_effect&) const {
    send_input(parts.gateway, gateway_call{release_in{}, {}, {}});
  }
  void operator()(finish_effect& effect) const { parts.finished(std::move(effect)); }
  void operator()(wake_effect& effect) const {
    parts.clock->wake_at(effect.at, tick_of<shutdown_input>(weak(self)));
  }
  void operator()(log_effect& effect) const { parts.log("shutdown", effect); }
};

void step(self_ptr self, shutdown_input& input) {
  auto& state = self->state;
  state.parts->core->step(std::move(input), state.parts->clock->now(), state.effects);
  for (shutdown_effect& effect : state.effects)
    std::visit(performer{self, *state.parts}, effect);
  state.effects.clear();
}

} // namespace

caf::behavior shutdown_actor(self_ptr self, std::shared_ptr<shutdown_parts> parts) {
  self->state.parts = std::move(parts);
  return {
      [self](const parcel<shutdown_input>& input) { step(self, *input.value); },
      [self](const parcel<agent_joined>& who) {
        self->state.parts->agents.push_back(who.value->agent);
      },
  };
}

} // namespace skein
