#include "actors/interfaces.hpp"

namespace skein {

namespace {

using self_ptr = caf::stateful_actor<retry_state>*;

struct performer {
  self_ptr self;
  retry_parts& parts;

  void operator()(decided_in& effect) const {
    send_input(parts.scheduler, scheduler_input{std::move(effect)});
  }
  void operator()(retry_due_in& effect) const {
    send_input(parts.scheduler, scheduler_input{std::move(effect)});
  }
  void operator()(wake_effect& effect) const {
    parts.clock->wake_at(effect.at, tick_of<retry_input>(weak(self)));
  }
};

void step(self_ptr self, retry_input& input) {
  auto& state = self->state;
  if (!state.parts->scheduler && self->current_sender())
    state.parts->scheduler =
        caf::weak_actor_ptr{self->current_sender().get()}; // who asks is who is answered
  state.parts->core->step(std::move(input), state.parts->clock->now(), state.effects);
  for (retry_effect& effect : state.effects)
    std::visit(performer{self, *state.parts}, effect);
  state.effects.clear();
}

} // namespace

caf::behavior retry_actor(self_ptr self, std::shared_ptr<retry_parts> parts) {
  self->state.parts = std::move(parts);
  return {
      [self](const parcel<retry_input>& input) { step(self, *input.value); },
  };
}

} // namespace skein
