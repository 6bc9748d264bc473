#include "actors/interfaces.hpp"

namespace skein {

namespace {

using self_ptr = caf::stateful_actor<scheduler_state>*;

struct performer {
  self_ptr self;
  scheduler_parts& parts;

  void operator()(submit_effect& effect) const {
    self->state.submitted.push_back(parts.clock->now().boot);
    parts.store->submit(parts.loop, std::move(effect.batch),
                        answer_to<scheduler_input>(weak(self)));
  }
  void operator()(send_effect& effect) const { parts.bus->send(std::move(effect.bytes)); }
  void operator()(read_state_effect& effect) const {
    parts.store->read([to = weak(self), asked = std::move(effect)](journal::reader& reader) {
      send_input(to, scheduler_input{state_in{asked.agent, asked.key, asked.number,
                                              reader.state_of(asked.agent, asked.key)}});
    });
  }
  void operator()(read_bodies_effect& effect) const {
    parts.store->read(
        [to = weak(self), events = std::move(effect.events)](journal::reader& reader) {
          send_input(to, scheduler_input{bodies_in{events, reader.bodies(events)}});
        });
  }
  void operator()(read_rows_effect& effect) const {
    parts.store->read([to = weak(self), asked = std::move(effect)](journal::reader& reader) {
      send_input(to, scheduler_input{rows_in{asked.number, reader.pending(asked.sequences)}});
    });
  }
  void operator()(read_timers_effect& effect) const {
    parts.store->read([to = weak(self), asked = effect](journal::reader& reader) {
      send_input(to,
                 scheduler_input{timers_in{asked.tenure, asked.past, reader.timers(asked.which)}});
    });
  }
  void operator()(ask_retry_effect& effect) const {
    self->send(parts.retry, make_parcel(retry_input{ask_retry_in{std::move(effect.attempts)}}));
  }
  void operator()(arm_retry_effect& effect) const {
    self->send(parts.retry, make_parcel(retry_input{arm_retry_in{std::move(effect.retries)}}));
  }
  void operator()(wake_effect& effect) const {
    parts.clock->wake_at(effect.at, tick_of<scheduler_input>(weak(self)));
  }
  void operator()(gave_up_effect& effect) const {
    send_input(parts.membership, lease_input{gave_up_in{std::move(effect.shards)}});
  }
  void operator()(fenced_effect& effect) const {
    send_input(parts.membership, lease_input{fenced_in{effect.shard, effect.epoch}});
  }
  void operator()(progress_effect& effect) const {
    self->send(parts.shutdown,
               make_parcel(shutdown_input{loop_progress_in{raw(parts.loop), effect}}));
  }
  void operator()(log_effect& effect) const {
    parts.log("loop/" + std::to_string(raw(parts.loop)), effect);
  }
};

void tell_facts(self_ptr self) {
  auto& state = self->state;
  const scheduler_core& core = *state.parts->core;
  const boot_time now = state.parts->clock->now().boot;
  loop_facts& facts = state.facts;
  facts.accepted.add(now, core.counted().accepted - facts.counted.accepted);
  facts.done.add(now, core.counted().done - facts.counted.done);
  facts.counted = core.counted();
  core.describe(facts.pending, facts.running, facts.lanes, facts.waiting);
  facts.oldest_ready = core.oldest_ready();
  facts.oldest_submit.reset();
  if (!state.submitted.empty())
    facts.oldest_submit = state.submitted.front();
  facts.last_step = now;
  state.parts->facts->write(facts);
}

void perform(self_ptr self) {
  auto& state = self->state;
  for (scheduler_effect& effect : state.effects)
    std::visit(performer{self, *state.parts}, effect);
  state.effects.clear();
  tell_facts(self);
}

void note_answer(scheduler_state& state, const committed_in& answer, boot_time now) {
  state.submitted.pop_front();
  if (!answer.receipt)
    state.facts.refused = now;
  else if (answer.receipt->wrote())
    state.facts.committed = now;
}

void finish(self_ptr self) {
  self->state.parts->core->finish(self->state.effects);
  perform(self);
}

void take(self_ptr self, scheduler_input& input) {
  auto& state = self->state;
  const duration before = state.parts->clock->thread_cpu();
  const moment now = state.parts->clock->now();
  if (!std::exchange(state.in_burst, true))
    self->send(self, burst_end{});
  if (const auto* answer = std::get_if<committed_in>(&input))
    note_answer(state, *answer, now.boot);
  // After the look at the clock: what is announced later is accepted later, too.
  state.parts->core->know_announced(state.parts->store->foreign_announced(state.parts->loop));
  state.parts->core->take(std::move(input), now, state.effects);
  if (state.parts->core->has_enough())
    finish(self);
  state.facts.cpu += state.parts->clock->thread_cpu() - before;
}

void end_burst(self_ptr self) {
  auto& state = self->state;
  const duration before = state.parts->clock->thread_cpu();
  state.in_burst = false;
  finish(self);
  state.facts.cpu += state.parts->clock->thread_cpu() - before;
}

void begin(self_ptr self, std::shared_ptr<scheduler_parts> parts) {
  self->state.parts = std::move(parts);
  auto& own = *self->state.parts;
  const moment now = own.clock->now();
  own.core->know_announced(own.store->foreign_announced(own.loop));
  own.core->start(now, self->state.effects);
  perform(self);
}

} // namespace

caf::behavior scheduler_actor(self_ptr self, std::shared_ptr<scheduler_parts> parts) {
  begin(self, std::move(parts));
  return {
      [self](const parcel<scheduler_input>& input) { take(self, *input.value); },
      [self](burst_end) { end_burst(self); },
  };
}

} // namespace skein
