#include "actors/interfaces.hpp"

#include "actors/access/access_reading.hpp"

namespace skein {

namespace {

using self_ptr = caf::stateful_actor<access_state>*;

struct performer {
  self_ptr self;
  access_parts& parts;

  void operator()(submit_effect& effect) const {
    parts.store->submit(parts.as, std::move(effect.batch), answer_to<access_input>(weak(self)));
  }
  void operator()(access_answer_effect& effect) const {
    const auto asked = self->state.asked.extract(effect.ticket);
    if (!asked.empty())
      asked.mapped()(std::move(effect.answer));
  }
  void operator()(publish_tokens_effect& effect) const { parts.book->write(effect.tokens); }
  void operator()(read_uses_effect&) const {
    send_input(weak(self), access_input{token_uses_in{parts.book->uses()}});
  }
  void operator()(find_old_records_effect& effect) const {
    parts.store->look_up([to = weak(self), agent = parts.audit_agent,
                          behind = std::move(effect.behind)](journal::reader& reader) {
      send_input(to, access_input{find_old_records(reader, agent, behind)});
    });
  }
  void operator()(wake_effect& effect) const {
    parts.clock->wake_at(effect.at, tick_of<access_input>(weak(self)));
  }
  void operator()(log_effect& effect) const { parts.log("access", effect); }
};

void perform(self_ptr self) {
  auto& state = self->state;
  for (access_effect& effect : state.effects)
    std::visit(performer{self, *state.parts}, effect);
  state.effects.clear();
}

void step(self_ptr self, access_input input) {
  auto& state = self->state;
  state.parts->core->step(std::move(input), state.parts->clock->now(), state.effects);
  perform(self);
}

void ask(self_ptr self, access_call& call) {
  auto& state = self->state;
  state.asked.emplace(++state.last_ticket, std::move(call.answered));
  step(self, access_command_in{state.last_ticket, std::move(call.by), std::move(call.operation),
                               std::move(call.arguments)});
}

} // namespace

caf::behavior access_actor(self_ptr self, std::shared_ptr<access_parts> parts) {
  self->state.parts = std::move(parts);
  self->state.parts->core->start(self->state.parts->clock->now(), self->state.effects);
  perform(self);
  return {
      [self](const parcel<access_input>& input) { step(self, std::move(*input.value)); },
      [self](const parcel<access_call>& call) { ask(self, *call.value); },
      [self](const parcel<audit_call>& call) {
        auto& state = self->state;
        state.asked.emplace(++state.last_ticket, std::move(call.value->written));
        step(self, audit_note_in{state.last_ticket, std::move(call.value->record),
                                 std::move(call.value->number)});
      },
  };
}

} // namespace skein
