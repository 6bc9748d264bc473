#include "actors/interfaces.hpp"

#include <utility>

namespace skein {

namespace {

using self_ptr = caf::stateful_actor<gateway_state>*;

struct performer {
  self_ptr self;
  gateway_parts& parts;

  void operator()(send_effect& effect) const { parts.bus->send(std::move(effect.bytes)); }
  void operator()(published_effect& effect) const {
    if (auto waiting = self->state.published.extract(effect.ticket))
      waiting.mapped()(std::move(effect.reply));
  }
  void operator()(answered_effect& effect) const {
    if (auto waiting = self->state.answered.extract(effect.ticket))
      waiting.mapped()(std::move(effect.answers));
  }
  void operator()(in_flight_effect& effect) const {
    self->send(parts.shutdown, make_parcel(shutdown_input{gateway_progress_in{effect.events}}));
  }
  void operator()(wake_effect& effect) const {
    parts.clock->wake_at(effect.at, tick_of<gateway_call>(weak(self)));
  }
  void operator()(log_effect& effect) const { parts.log("gateway", effect); }
};

void step(self_ptr self, gateway_call& call) {
  auto& state = self->state;
  if (auto* offered = std::get_if<publish_in>(&call.input)) {
    offered->ticket = ++state.last_ticket;
    state.published.emplace(offered->ticket, std::move(call.published));
  } else if (auto* asked = std::get_if<ask_in>(&call.input)) {
    asked->ticket = ++state.last_ticket;
    state.answered.emplace(asked->ticket, std::move(call.answered));
  }
  state.parts->core->step(std::move(call.input), state.parts->clock->now(), state.effects);
  for (gateway_effect& effect : state.effects)
    std::visit(performer{self, *state.parts}, effect);
  state.effects.clear();
  const gateway_core& core = *state.parts->core;
  state.parts->facts->write({core.counted(), core.events_in_flight(), core.bytes_in_flight()});
}

} // namespace

caf::behavior gateway_actor(self_ptr self, std::shared_ptr<gateway_parts> parts) {
  self->state.parts = std::move(parts);
  return {
      [self](const parcel<gateway_call>& call) { step(self, *call.value); },
  };
}

} // namespace skein
