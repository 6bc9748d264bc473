#include "actors/interfaces.hpp"

namespace skein {

namespace {

using self_ptr = caf::stateful_actor<agent_state>*;

struct performer {
  self_ptr self;
  agent_parts& parts;

  void operator()(send_effect& effect) const { parts.bus->send(std::move(effect.bytes)); }
  void operator()(start_effect& effect) const { parts.runner->start(std::move(effect.turns)); }
  void operator()(stop_effect& effect) const { parts.runner->stop(effect.turn, effect.stage); }
  void operator()(wake_effect& effect) const {
    parts.clock->wake_at(effect.at, tick_of<agent_input>(weak(self)));
  }
  void operator()(left_effect& effect) const {
    self->send(parts.shutdown, make_parcel(shutdown_input{left_in{std::move(effect.turns)}}));
  }
  void operator()(log_effect& effect) const { parts.log(parts.component, effect); }
};

void perform(self_ptr self) {
  auto& state = self->state;
  for (agent_effect& effect : state.effects)
    std::visit(performer{self, *state.parts}, effect);
  state.effects.clear();
  const agent_core& core = *state.parts->core;
  state.parts->facts->write({core.counted(), core.running(), core.health()});
}

void take(self_ptr self, agent_input& input) {
  auto& state = self->state;
  if (!std::exchange(state.in_burst, true))
    self->send(self, burst_end{});
  state.parts->core->take(std::move(input), state.parts->clock->now(), state.effects);
}

void finish(self_ptr self) {
  auto& state = self->state;
  state.in_burst = false;
  state.parts->core->finish(state.parts->clock->now(), state.effects);
  perform(self);
}

} // namespace

caf::behavior agent_actor(self_ptr self, std::shared_ptr<agent_parts> parts) {
  self->state.parts = std::move(parts);
  self->state.parts->core->start(self->state.parts->clock->now(), self->state.effects);
  perform(self);
  return {
      [self](const parcel<agent_input>& input) { take(self, *input.value); },
      [self](const parcel<agent_change>& change) {
        if (change.value->runner != nullptr)
          self->state.parts->runner = change.value->runner;
        agent_input input{std::move(change.value->to)};
        take(self, input);
      },
      [self](burst_end) { finish(self); },
  };
}

} // namespace skein
