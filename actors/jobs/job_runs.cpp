#include "actors/jobs/job_core.hpp"
#include "actors/jobs/job_views.hpp"

#include "protocol/raw_json.hpp"

#include <algorithm>

namespace skein {

using nlohmann::json;

namespace {

/// What is made up for: missed instants one by one, and instants of the past that were asked for.
bool is_made_up(const job_definition& job, record_kind kind) {
  return kind == record_kind::backfilled ||
         (kind == record_kind::caught_up && job.misfire == misfire_rule::all);
}

/// Whether a run waits for those before it although overlap = skip: what is made up for is not left
/// out because of its own kind, and what is on time is not left out because of it.
bool waits_in_line(const kept_job& which, record_kind kind) {
  const job_definition& job = *which.definition;
  const auto is = [&](const auto& run) { return is_made_up(job, run.kind); };
  return is_made_up(job, kind) || std::any_of(which.running.begin(), which.running.end(), is) ||
         std::any_of(which.queue.begin(), which.queue.end(), is);
}

/// That of the instant, which is the job's own; else with a number. Several may start at one
/// moment, also because the clock stands still: each has a record of its own.
std::string run_id(const kept_job& which, const waiting_run& run, instant now) {
  const std::string id = which.name() + "@" + format_rfc3339(run.due);
  if (is_due_record(run.kind) && !run.is_again)
    return id;
#ifdef SKEIN_BUG_JOB_RUNS_BY_HAND_SHARE_AN_ID
  return id + ".t";
#endif
  const char* const why = run.kind == record_kind::triggered    ? ".t"
                          : run.kind == record_kind::backfilled ? ".b"
                                                                : ".c";
  return id + why + std::to_string(to_ns(now)) + "-" + std::to_string(which.next_record);
}

} // namespace

/// A run that is to be: it starts, waits or is left out, as the job's overlap rule says. Why it was
/// left out; else empty. One that stands for missed instants is not skipped: no run would stand for
/// them then.
std::string job_core::want_run(kept_job& which, waiting_run run,
                               [[maybe_unused]] bool stands_for_others) {
  const job_definition& job = *which.definition;
  if (which.may_begin(run.kind))
    return start_run(which, std::move(run));
#ifdef SKEIN_BUG_JOB_STANDS_FOR_NOTHING
  stands_for_others = false;
#endif
  const bool waits = waits_in_line(which, run.kind);
  if (job.overlap == overlap_rule::skip && !waits && !stands_for_others)
    return leave_out(which, run,
                     which.running.empty()
                         ? "another run was waiting (overlap = skip)"
                         : "the run of " + local_text(which.running.front().due, zone_of(which)) +
                               " was still going on (overlap = skip)");
  if (job.overlap == overlap_rule::cancel && !waits) {
    for (running_run& each : which.running) {
      each.is_to_end = true;
      open_->cancels.push_back({job.name, each.id, each.event});
    }
    for (const waiting_run& each : std::exchange(which.queue, {}))
      leave_out(which, each, "a later one came before it could run (overlap = cancel)");
  }
#ifdef SKEIN_BUG_JOB_WAITS_IN_MEMORY_ONLY
  open_->before.erase(job.name);
#endif
  if (which.queue.size() >= limits::job_queue_max)
    return leave_out(which, run,
                     std::to_string(limits::job_queue_max) + " instants were waiting already");
  if (which.queue_bytes() + run.bytes() > limits::job_waiting_bytes_max)
    return leave_out(which, run,
                     "those that were waiting already have " +
                         std::to_string(limits::job_waiting_bytes_max) + " bytes");
#ifndef SKEIN_BUG_JOB_RECORD_SPANS_A_GAP
  close_record(which); // its instants follow one another without gaps
#endif
  which.queue.push_back(std::move(run));
  return {};
}

std::string job_core::start_run(kept_job& which, waiting_run run) {
  std::string id = run_id(which, run, now_.wall);
  auto made = which.impossible.contains(id)
                  ? result<journal::accept_op>{error{errc::identity_conflict,
                                                     "another event has the id " + id}}
                  : make_event(which, run, id);
  if (!made) {
    log(log_severity::error, "job-event-refused", to_string(made.error()), which.name());
    return leave_out(which, run, "its event was refused: " + to_string(made.error()));
  }
  add_record(which, {run.kind, run.due, run.due, 1, now_.wall, id, run.by});
  which.running.push_back({run.due, id, std::nullopt, run.kind, false});
  open_->emits.push_back(*std::move(made));
  open_->runs.emplace_back(which.name(), std::move(id));
  return {};
}

result<journal::accept_op> job_core::make_event(const kept_job& which, const waiting_run& run,
                                                const std::string& id) {
  const job_definition& job = *which.definition;
  event made;
  made.id = id;
  made.source = job_source(job.name);
  made.type = job.type;
  made.subject = job.name;
  made.time = format_rfc3339(run.due);
  made.set_extension(std::string{attribute::partitionkey}, job.key);
  made.set_extension(std::string{attribute::priority}, std::string{to_string(job.priority)});
  if (job.timeout > duration{0})
    made.set_extension(std::string{attribute::expires}, "+" + format_duration(job.timeout));
  if (settings_.shared && !job.agent.empty()) // for the owner of its shard, who routes it
    made.set_extension(std::string{job_agent_attribute}, job.agent);
  made.kind = job.data.empty()   ? data_kind::none
              : job.data_is_text ? data_kind::text
                                 : data_kind::json;
  made.data = job.data;
  if (!run.handed.empty()) {
    made.kind = data_kind::json;
    json data{{"after", raw_json<json>(run.handed)}};
    if (!job.data.empty())
      data["data"] = job.data_is_text ? json(job.data) : raw_json<json>(job.data);
    made.data = write_json(data);
  }
  if (made.kind != data_kind::none)
    made.datacontenttype =
        made.kind == data_kind::text ? "text/plain; charset=utf-8" : "application/json";
  auto offered = offer(made, settings_.hash, settings_.bounds, now_.wall);
  if (!offered)
    return offered.error();
  journal::accept_op op;
  op.epoch = settings_.epoch;
  op.event = *std::move(offered);
  if (job.agent.empty()) {
    auto matched = routes_.match(op.event.head());
    if (!matched)
      return matched.error();
    op.deliveries = *matched;
    return op;
  }
  const auto& names = settings_.agent_names;
  const auto found = std::find(names.begin(), names.end(), job.agent);
  if (found == names.end())
    return error{errc::agent_unknown, job.agent};
  op.deliveries.add(static_cast<agent_no>(found - names.begin()));
  return op;
}

/// What waits begins when a run ends, and whenever else nothing holds it any more.
void job_core::start_waiting(kept_job& which) {
  while (!which.queue.empty() && !which.paused && which.can_run() && which.has_room_to_run()) {
    waiting_run next = std::move(which.queue.front());
    which.queue.pop_front();
    start_run(which, std::move(next));
  }
}

// ---- records ------------------------------------------------------------------------------------

/// A run that was to be, and will not. Those that come after one that comes after others learn of
/// it: they wait for that instant. The reason once more.
std::string job_core::leave_out(kept_job& which, const waiting_run& run, std::string why) {
  if (is_due_record(run.kind))
    add_record(which, {record_kind::skipped, run.due, run.due, 1, now_.wall, {}, why});
  else
    add_record(which, {run.kind, run.due, run.due, 1, now_.wall, {}, run.by + ", but " + why});
#ifndef SKEIN_BUG_JOB_LEFT_OUT_IS_NOT_TOLD
  if (after_of(*which.definition) != nullptr)
    tell_downstream(which.name(), {run.due, false, {}, {}, false, run.kind});
#endif
  return why;
}

/// A record without an event stays open: the next instant of the same verdict joins it.
void job_core::add_record(kept_job& which, job_record record) {
  switch (record.kind) {
    case record_kind::fired:
      ++open_->counted.fired;
      break;
    case record_kind::caught_up:
      ++open_->counted.caught_up;
      break;
    case record_kind::merged:
      open_->counted.merged += record.count;
      break;
    case record_kind::skipped:
      open_->counted.skipped += record.count;
      break;
    case record_kind::triggered:
    case record_kind::backfilled:
      break;
  }
  if (which.open && which.open->kind == record.kind && which.open->why == record.why &&
      record.from > which.open->to && !is_of_one_run(record.kind)) {
    which.open->to = record.to;
    which.open->count += record.count;
    which.open->decided = record.decided;
#ifdef SKEIN_BUG_JOB_RUN_MISCOUNTED
    which.open->count -= record.count > 1 ? 1u : 0u;
#endif
    return;
  }
  close_record(which);
  if (is_of_one_run(record.kind) || !which.schedule) // those of a chain do not follow one another
    write_record(which, record);
  else
    which.open = std::move(record);
}

void job_core::close_record(kept_job& which) {
  if (which.open)
    write_record(which, *std::exchange(which.open, std::nullopt));
}

/// The newest limits::job_records_max of a job are kept.
void job_core::write_record(kept_job& which, const job_record& record) {
  const std::string& name = which.name();
  const std::uint64_t number = which.next_record++;
  open_->records.push_back({settings_.records_agent,
                            {record_key(name, number), false, slice{record_words(record).dump()}}});
  if (number > limits::job_records_max)
    open_->records.push_back(
        {settings_.records_agent, {record_key(name, number - limits::job_records_max), true, {}}});
}

// ---- the end of a run ---------------------------------------------------------------------------

void job_core::end_run(kept_job& which, const job_ended_in& end) {
  const auto run = std::find_if(which.running.begin(), which.running.end(),
                                [&](const running_run& each) { return each.id == end.id; });
  if (run == which.running.end())
    return;
  begin(which);
  open_->ends.emplace_back(end);
  upstream_end told{run->due, end.state == delivery_state::done, end.id, {}, false, run->kind};
  which.running.erase(run);
  if (told.succeeded)
    which.failures = 0;
  else if (end.state == delivery_state::dead || end.state == delivery_state::expired)
    ++which.failures;
  const std::uint32_t bound = which.definition->pause_after;
  if (bound > 0 && which.failures >= bound && !which.paused) {
    which.paused = job_pause{now_.wall, "pause_after",
                             std::to_string(which.failures) + " runs failed one after the other"};
    which.note(now_.wall, "pause_after", "paused: " + which.paused->why);
    open_->definitions.insert(which.name());
    log(log_severity::warning, "job-paused", which.paused->why, which.name());
  }
  start_waiting(which);
  told.reply_is_omitted = end.reply.size() > limits::job_output_bytes_max;
  if (!told.reply_is_omitted)
    told.reply = end.reply_is_json || end.reply.empty() ? end.reply : json(end.reply).dump();
  tell_downstream(which.name(), told);
}

} // namespace skein
