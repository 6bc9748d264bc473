#include "actors/interfaces.hpp"

#include "actors/access/access_reading.hpp"
#include "actors/arguments.hpp"

#include <nlohmann/json.hpp>

#include <utility>

namespace skein {

namespace {

using nlohmann::json;
using self_ptr = caf::stateful_actor<keepers_state>*;

/// How soon a node lets in, and no longer, whom another one has given or revoked a token.
constexpr std::chrono::seconds tokens_read_every{2};
constexpr std::chrono::seconds read_again_after{1};
constexpr std::chrono::seconds retired_for{20};

void step(self_ptr self, desk_input input);

std::function<void(api_answer)> answer_to_desk(self_ptr self, std::uint64_t ask) {
  return [to = weak(self), ask](api_answer said) {
    send_input(to, desk_input{desk_answer_in{ask, std::move(said)}});
  };
}

token_uses_in read_uses(const std::string& arguments) {
  token_uses_in told;
  const json words = json::parse(arguments, nullptr, false);
  if (words.is_object())
    for (const auto& [name, at] : words.items())
      if (at.is_number_integer())
        told.uses.emplace_back(name, from_ns(at.get<std::int64_t>()));
  return told;
}

struct performer {
  self_ptr self;
  keepers_parts& parts;

  void operator()(send_effect& effect) const { parts.bus->send(std::move(effect.bytes)); }
  void operator()(ask_keepers_effect& effect) const {
    auto& state = self->state;
    auto answered = answer_to_desk(self, effect.ask);
    if (is_for_node(effect.operation)) {
      const bool leaves = effect.operation == "node.drain";
      send_input(parts.membership, lease_input{empty_in{leaves}});
      answered({errc::none, json{{"node", parts.node}, {"draining", leaves}}.dump()});
    } else if (effect.operation == uses_operation) {
      self->send(state.access, make_parcel(access_input{read_uses(effect.arguments)}));
      answered({errc::none, "{}"});
    } else if (effect.operation == note_operation) {
      const json words = json::parse(effect.arguments, nullptr, false);
      if (auto record = read_audit(effect.arguments))
        self->send(state.access, make_parcel(audit_call{*std::move(record), said(words, "number"),
                                                        std::move(answered)}));
      else
        answered({errc::invalid_argument, "no record"});
    } else if (effect.operation.starts_with("job.")) {
      self->send(state.jobs,
                 make_parcel(job_call{std::move(effect.by), std::move(effect.operation),
                                      std::move(effect.arguments), std::move(answered)}));
    } else {
      self->send(state.access,
                 make_parcel(access_call{std::move(effect.by), std::move(effect.operation),
                                         std::move(effect.arguments), std::move(answered)}));
    }
  }
  void operator()(desk_answer_effect& effect) const {
    const auto asked = self->state.asked.extract(effect.ticket);
    if (!asked.empty())
      asked.mapped()(std::move(effect.answer));
  }
  void operator()(wake_effect& effect) const {
    parts.clock->wake_at(effect.at, tick_of<desk_input>(weak(self)));
  }
};

void step(self_ptr self, desk_input input) {
  auto& state = self->state;
  state.parts->desk->step(std::move(input), state.parts->clock->now(), state.effects);
  for (desk_effect& effect : std::exchange(state.effects, {}))
    std::visit(performer{self, *state.parts}, effect);
}

void log(const keepers_parts& parts, log_severity severity, std::string_view id, std::string text) {
  log_effect line;
  line.severity = severity;
  line.id = id;
  line.text = std::move(text);
  parts.log("keepers", line);
}

// ---- the keepers here ---------------------------------------------------------------------------

void read(self_ptr self) {
  auto& state = self->state;
  state.reading = true;
  state.parts->store->look_up(
      [to = weak(self), parts = state.parts, epoch = *state.held](journal::reader& reader) {
        send_input(to, keepers_read{epoch, parts->read(reader, epoch)});
      });
}

/// What the configuration says by now.
void tell_file(self_ptr self) {
  auto& state = self->state;
  if (state.jobs && state.file)
    self->send(state.jobs, make_parcel(job_input{job_file_in{*state.file}}));
}

void open(self_ptr self, const keepers_read& what) {
  auto& state = self->state;
  if (!state.reading || state.held != what.epoch)
    return; // of before
  state.reading = false;
  if (!what.found) {
    log(*state.parts, log_severity::warning, "keepers-not-read",
        "the jobs and the tokens could not be read, and are read again: " +
            to_string(what.found.error()));
    state.parts->clock->wake_at(
        state.parts->clock->now().boot + read_again_after,
        [to = weak(self), epoch = what.epoch] { send_input(to, keepers_read_again{epoch}); });
    return;
  }
  state.jobs = self->spawn<caf::linked>(jobs_actor, state.parts->jobs_parts_of(what.found->jobs));
  tell_file(self); // what was read may be from before it changed
  state.parts->book->write(what.found->access->valid_tokens());
  state.access =
      self->spawn<caf::linked>(access_actor, state.parts->access_parts_of(what.found->access));
  log(*state.parts, log_severity::info, "keepers-here", "this node keeps the jobs and the tokens");
  step(self, desk_keepers_in{true});
}

/// What is with the store of theirs is applied, or refused as the shard has another epoch: they
/// live until that has been answered. (An actor ends when nobody holds it, and takes with it whom
/// it is linked to.)
void retire(self_ptr self) {
  auto& state = self->state;
  if (!state.jobs)
    return;
  self->send(state.jobs, make_parcel(job_input{stop_starting_in{}}));
  self->send(state.access, make_parcel(access_input{stop_starting_in{}}));
  const keepers_end ended{std::exchange(state.jobs, {}), std::exchange(state.access, {})};
  state.parts->clock->wake_at(state.parts->clock->now().boot + retired_for,
                              [ended, to = weak(self)] { send_input(to, ended); });
  state.parts->job_facts_of_others();
  step(self, desk_keepers_in{false});
}

void end(self_ptr self, const keepers_end& which) {
  for (const caf::actor& each : {which.jobs, which.access}) {
    self->unlink_from(each);
    caf::anon_send_exit(each, caf::exit_reason::kill);
  }
}

void adopt(self_ptr self, const keepers_adopted& what) {
  retire(self); // those of an epoch before
  self->state.held = what.epoch;
  read(self);
}

void give_up(self_ptr self) {
  self->state.held.reset();
  self->state.reading = false;
  retire(self);
}

void read_again(self_ptr self, epoch_no epoch) {
  auto& state = self->state;
  if (state.held == epoch && !state.jobs && !state.reading)
    read(self);
}

// ---- tokens, at the other nodes -----------------------------------------------------------------

/// The keepers know of each use within a minute or two.
void tell_uses(self_ptr self) {
  auto& state = self->state;
  json words = json::object();
  std::map<std::string, instant> told;
  for (const auto& [name, at] : state.parts->book->uses())
    if (at > state.told_uses[name] + limits::token_use_told) {
      told[name] = at;
      words[name] = to_ns(at);
    }
  if (words.empty())
    return;
  desk_ask_in asked{++state.last_ticket, {}, std::string{uses_operation}, words.dump()};
  state.asked.emplace(asked.ticket, [self, told](const api_answer& said) {
    if (said.code == errc::none) // called by this actor itself
      for (const auto& [name, at] : told)
        self->state.told_uses[name] = at;
  });
  step(self, std::move(asked));
}

/// The next look is a while behind the answer to this one.
void read_tokens(self_ptr self) {
  auto& state = self->state;
  if (std::exchange(state.reading_tokens, true))
    return;
  if (!state.access)
    tell_uses(self);
  state.parts->store->look_up([to = weak(self), parts = state.parts](journal::reader& reader) {
    access_core read{{}};
    tokens_read found;
    if (recover_tokens(reader, parts->tokens_agent, read))
      found.valid = read.valid_tokens();
    send_input(to, std::move(found));
  });
}

void take_tokens(self_ptr self, const tokens_read& found) {
  auto& state = self->state;
  state.reading_tokens = false;
  if (found.valid && !state.access)
    state.parts->book->write(*found.valid);
  state.next_tokens = state.parts->clock->now().boot + tokens_read_every;
  state.parts->clock->wake_at(state.next_tokens,
                              [to = weak(self)] { send_input(to, read_tokens_now{}); });
}

} // namespace

caf::behavior keepers_actor(self_ptr self, std::shared_ptr<keepers_parts> parts) {
  self->state.parts = std::move(parts);
  read_tokens(self);
  return {
      [self](const parcel<desk_input>& input) { step(self, std::move(*input.value)); },
      [self](const parcel<desk_call>& call) {
        auto& state = self->state;
        desk_ask_in asked{++state.last_ticket, std::move(call.value->by),
                          std::move(call.value->operation), std::move(call.value->arguments),
                          std::move(call.value->node)};
        state.asked.emplace(asked.ticket, std::move(call.value->answered));
        step(self, std::move(asked));
      },
      [self](const parcel<job_file_in>& changed) {
        self->state.file = changed.value;
        tell_file(self);
      },
      [self](const parcel<keepers_adopted>& what) { adopt(self, *what.value); },
      [self](const parcel<keepers_over>&) { give_up(self); },
      [self](const parcel<keepers_read>& found) { open(self, *found.value); },
      [self](const parcel<keepers_read_again>& of) { read_again(self, of.value->epoch); },
      [self](const parcel<keepers_end>& which) { end(self, *which.value); },
      [self](const parcel<read_tokens_now>&) {
        // A clock that was set wakes all that wait.
        if (self->state.parts->clock->now().boot >= self->state.next_tokens)
          read_tokens(self);
      },
      [self](const parcel<tokens_read>& found) { take_tokens(self, *found.value); },
  };
}

} // namespace skein
