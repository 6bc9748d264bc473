#include "actors/interfaces.hpp"

#include "actors/event_view.hpp"
#include "actors/jobs/job_reading.hpp"

namespace skein {

namespace {

using self_ptr = caf::stateful_actor<jobs_state>*;

/// A run is waited for in pieces of this length.
constexpr std::chrono::minutes wait_piece{10};

job_ended_in ended(const std::string& job, const std::string& id,
                   const journal::event_record& found) {
  job_ended_in end{job, id, found.state(), {}, false};
  for (const journal::delivery_record& each : found.deliveries)
    if (each.reply_kind == data_kind::json || each.reply_kind == data_kind::text) {
      end.reply = std::string{each.reply.view()};
      end.reply_is_json = each.reply_kind == data_kind::json;
      break;
    }
  return end;
}

/// Waits until a run's event has ended, wherever it is by now, and tells the jobs.
class run_watch : public std::enable_shared_from_this<run_watch> {
 public:
  run_watch(std::shared_ptr<jobs_parts> parts, caf::weak_actor_ptr jobs, watch_run_effect which)
    : parts_{std::move(parts)}, jobs_{std::move(jobs)}, which_{std::move(which)} {}

  /// What is one row, or two by an index, does not wait behind what people search for.
  void look() {
    const bool is_cheap = which_.event || parts_->places.outbox;
    auto work = [self = shared_from_this()](journal::reader& reader) {
      auto found = find_run(reader, self->parts_->places, self->which_.job, self->which_.id,
                            self->which_.event);
      if (!found) {
        self->look_later(); // not readable now
      } else if (!*found) {
        self->tell_gone();
      } else if (self->parts_->places.is_box(**found) &&
                 (**found).state() == delivery_state::done) {
        self->look_behind(**found);
      } else if (is_terminal((**found).state())) {
        send_input(self->jobs_, job_input{ended(self->which_.job, self->which_.id, **found)});
      } else {
        if (!self->parts_->places.is_box(**found))
          self->which_.event = (**found).event;
        self->wait((**found).event);
      }
    };
    if (is_cheap)
      parts_->store->read(std::move(work));
    else
      parts_->store->look_up(std::move(work));
  }

 private:
  /// The box says which event came of it; the search did not find it.
  void look_behind(const journal::event_record& box) {
    const auto event = parse_event_id(box.deliveries.front().reply.view());
    if (!event || which_.event == event)
      return tell_gone();
    which_.event = event;
    look();
  }
  void wait(event_id event) {
    parts_->await(event, wait_piece, [self = shared_from_this()](bool ended) {
      ended ? self->look() : self->look_later();
    });
  }

  /// On a drain nobody waits, and the answer comes at once.
  void look_later() {
    parts_->clock->wake_at(parts_->clock->now().boot + std::chrono::seconds{1},
                           [to = jobs_, again = job_watch_in{which_.job, which_.id}] {
                             send_input(to, job_input{again});
                           });
  }
  /// Retention has dropped it, with what became of it.
  void tell_gone() {
    send_input(jobs_,
               job_input{job_ended_in{which_.job, which_.id, delivery_state::purged, {}, false}});
  }

  std::shared_ptr<jobs_parts> parts_;
  caf::weak_actor_ptr jobs_;
  watch_run_effect which_;
};

void cancel_later(const caf::weak_actor_ptr& jobs, const std::shared_ptr<jobs_parts>& parts,
                  const cancel_run_effect& which);

/// One that is on its way to its shard is cancelled there.
void cancel_run(const caf::weak_actor_ptr& jobs, const std::shared_ptr<jobs_parts>& parts,
                const cancel_run_effect& which) {
  parts->store->look_up([jobs, parts, which](journal::reader& reader) {
    const auto found = find_run(reader, parts->places, which.job, which.id, which.event);
    if (!found)
      return cancel_later(jobs, parts, which); // not readable now
    if (!*found)
      return;
    const journal::event_record& run = **found;
    if (!parts->places.is_box(run) || is_terminal(run.state()))
      return parts->cancel(run.event);
    parts->await(run.event, wait_piece, [jobs, parts, which](bool ended) {
      ended ? cancel_run(jobs, parts, which) : cancel_later(jobs, parts, which);
    });
  });
}

/// By the next keeper, if this one is gone by then.
void cancel_later(const caf::weak_actor_ptr& jobs, const std::shared_ptr<jobs_parts>& parts,
                  const cancel_run_effect& which) {
  parts->clock->wake_at(parts->clock->now().boot + std::chrono::seconds{1}, [jobs, parts, which] {
    if (caf::actor_cast<caf::actor>(jobs))
      cancel_run(jobs, parts, which);
  });
}

struct performer {
  self_ptr self;
  jobs_parts& parts;

  void operator()(submit_effect& effect) const {
    parts.store->submit(parts.as, std::move(effect.batch), answer_to<job_input>(weak(self)));
  }
  void operator()(job_answer_effect& effect) const {
    const auto asked = self->state.asked.extract(effect.ticket);
    if (!asked.empty())
      asked.mapped()(std::move(effect.answer));
  }
  void operator()(watch_run_effect& effect) const {
    const auto watch =
        std::make_shared<run_watch>(self->state.parts, weak(self), std::move(effect));
    watch->look();
  }
  void operator()(cancel_run_effect& effect) const {
    cancel_run(weak(self), self->state.parts, effect);
  }
  void operator()(read_records_effect& effect) const {
    parts.store->look_up([to = weak(self), places = parts.places, effect](journal::reader& reader) {
      send_input(to, job_input{read_job_records(reader, places, effect)});
    });
  }
  void operator()(wake_effect& effect) const {
    parts.clock->wake_at(effect.at, tick_of<job_input>(weak(self)));
  }
  void operator()(log_effect& effect) const { parts.log("jobs", effect); }
};

void perform(self_ptr self) {
  auto& state = self->state;
  for (job_effect& effect : state.effects)
    std::visit(performer{self, *state.parts}, effect);
  state.effects.clear();
  const job_core& core = *state.parts->core;
  if (state.parts->places.outbox && core.is_stopping())
    return state.parts->facts->write({}); // another keeper has them
  state.parts->facts->write(
      {core.counted(), core.jobs(), core.paused(), core.unreadable(), core.running(), core.next()});
}

} // namespace

caf::behavior jobs_actor(self_ptr self, std::shared_ptr<jobs_parts> parts) {
  self->state.parts = std::move(parts);
  self->state.parts->core->start(self->state.parts->clock->now(), self->state.effects);
  perform(self);
  return {
      [self](const parcel<job_input>& input) {
        auto& state = self->state;
        state.parts->core->step(std::move(*input.value), state.parts->clock->now(), state.effects);
        perform(self);
      },
      [self](const parcel<job_call>& call) {
        auto& state = self->state;
        job_command_in asked{++state.last_ticket, std::move(call.value->operation),
                             std::move(call.value->arguments), std::move(call.value->by)};
        state.asked.emplace(asked.ticket, std::move(call.value->answered));
        state.parts->core->step(std::move(asked), state.parts->clock->now(), state.effects);
        perform(self);
      },
  };
}

} // namespace skein
