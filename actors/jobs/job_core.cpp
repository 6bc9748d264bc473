#include "actors/jobs/job_core.hpp"

#include "actors/arguments.hpp"
#include "actors/cluster/keeper_shard.hpp"
#include "actors/cluster/outbox.hpp"
#include "actors/jobs/job_views.hpp"
#include "protocol/raw_json.hpp"

#include <algorithm>

namespace skein {

using nlohmann::json;

namespace {

/// Events of one commit; the rest of what is due goes into the next one.
constexpr std::size_t emits_a_commit = 256;
constexpr std::chrono::seconds again_after{1};
/// The longest the core sleeps: a paused job's instants are written down at least so often.
constexpr std::chrono::hours look_every{1};
/// Of a store that nodes share: its time goes by its clock, which parts from this machine's.
constexpr std::chrono::seconds look_every_if_shared{10};
/// How often what is due next is looked at while the wall clock does not move.
constexpr std::chrono::milliseconds clock_patience{50};

} // namespace

json words_of(const job_command_in& input) {
  return read_job_words(input.arguments.empty() ? "{}" : input.arguments);
}

job_core::job_core(job_settings settings)
  : settings_{std::move(settings)}, routes_{settings_.routes}, emits_a_commit_{emits_a_commit} {}

void job_core::recover(const std::string& name, std::string_view definition,
                       std::string_view state) {
  kept_job found{name};
  read_definition(found, definition, settings_.around);
  read_state(found, state);
  graph_.put(*found.definition);
  count(found, true);
  jobs_.emplace(name, std::move(found));
}

void job_core::recover_starts(std::string_view state) {
  const json words = json::parse(state, nullptr, false);
  if (words.is_array())
    for (const json& each : words)
      if (each.is_number_integer())
        crashes_.push_back(from_ns(each.get<std::int64_t>()));
}

void job_core::start(moment now, std::vector<job_effect>& out) {
  now_ = now;
  out_ = &out;
  started_ = now.wall;
  std::erase_if(crashes_, [&](instant at) { return at < now.wall - limits::job_breaker_time; });
  if (settings_.unclean) {
    crashes_.push_back(now.wall);
    keeps_crashing_ = crashes_.size() >= limits::job_breaker_crashes;
    if (keeps_crashing_)
      log(log_severity::warning, "jobs-breaker",
          "the node has ended unclean " + std::to_string(crashes_.size()) + " times within " +
              format_duration(limits::job_breaker_time) +
              ": what jobs have missed meanwhile is not caught up",
          {});
  }
  for (auto& [name, each] : jobs_) {
    place(each);
    for (const running_run& run : each.running) {
      out.push_back(watch_run_effect{name, run.id, run.event});
      if (run.is_to_end) // the last process may not have come to say so
        out.push_back(cancel_run_effect{name, run.id, run.event});
    }
  }
  while (!sent_ && go_on()) {}
  arm();
}

void job_core::step(job_input input, moment now, std::vector<job_effect>& out) {
  // Boot time passes but the wall does not: engine time waits for a clock that was set back.
  if (now.boot > now_.boot)
    time_stands_still_ = now.wall == now_.wall;
  now_ = now;
  out_ = &out;
  std::visit([&](auto& each) { on(each); }, input);
  while (!sent_ && go_on()) {}
  if (!is_beginning())
    for (const job_command_in& each : std::exchange(early_questions_, {}))
      question(each, words_of(each));
  arm();
}

/// What the configuration says is on its way to the journal: nobody is told that it is not there.
bool job_core::is_beginning() const { return sent_ && sent_->of_file; }

/// One commit, if there is something for it. A command has one of its own: what is refused because
/// of others is not its fault.
bool job_core::go_on() {
  open_ = transaction{};
  const bool is_its_turn = commands_.empty() || !decided_last_ || !is_of_file_put_;
  if (has_work() && may_decide() && is_its_turn) {
    decided_last_ = open_->decides = true;
    if (!is_of_file_put_) {
      put_of_file();
    } else {
      take_ends();
      fire_due();
    }
  } else if (!commands_.empty()) {
    decided_last_ = false;
    const job_command_in next = std::move(commands_.front());
    commands_.pop_front();
    if (flag_of(words_of(next), "dry_run")) {
      try_command(next);
      return true;
    }
    command(next);
  } else {
    open_.reset();
    return false;
  }
  try_chains();
  submit();
  return true;
}

/// Carried out and taken back: so its answer is what it would be.
void job_core::try_command(const job_command_in& input) {
  std::vector<job_effect> told; // a log of what does not happen
  std::swap(told, *out_);
  command(input);
  std::swap(told, *out_);
  for (job_effect& each : told)
    if (std::holds_alternative<job_answer_effect>(each)) // it is refused
      out_->push_back(std::move(each));
  for (const auto& [ticket, body] : open_->answers) {
    json words = read_job_words(body);
    words["dry_run"] = true;
    answer(ticket, words);
  }
  put_back(open_->before);
  open_.reset();
}

/// Jobs as they were before a transaction.
void job_core::put_back(std::map<std::string, std::optional<kept_job>>& before) {
  for (auto& [name, was] : before) {
    if (kept_job* const now = find(name))
      unplace(*now);
    graph_.erase(name);
    if (!was) {
      jobs_.erase(name);
      continue;
    }
    graph_.put(*was->definition);
    was->fires.reset();
#ifdef SKEIN_BUG_JOB_REFUSED_IS_DONE
    was->through = jobs_.at(name).through;
#endif
    place(jobs_.insert_or_assign(name, std::move(*was)).first->second);
  }
}

/// Whether there is something to decide.
bool job_core::has_work() const {
  return !is_of_file_put_ || !ends_.empty() || (!due_.empty() && due_.begin()->first <= now_.wall);
}

bool job_core::may_decide() {
  if (not_before_ && *not_before_ <= now_.boot)
    not_before_.reset();
  return !stopping_ && !not_before_;
}

void job_core::on(job_command_in& input) {
  const json words = words_of(input);
  if (!words.is_object())
    return fail(input.ticket, errc::invalid_argument, "the arguments are no JSON object");
  static const std::set<std::string, std::less<>> changes{
      "job.create", "job.edit",    "job.delete",  "job.pause",
      "job.resume", "job.trigger", "job.backfill"};
  const bool is_made = input.operation == "job.create" || input.operation == "job.edit";
  if (!changes.contains(input.operation) || (is_made && flag_of(words, "dry_run"))) {
    if (!is_beginning())
      return question(input, words);
    early_questions_.push_back(std::move(input));
    return;
  }
  if (stopping_)
    return fail(input.ticket, errc::draining, "the node is shutting down");
  commands_.emplace_back(std::move(input));
}

/// On the way to a stop it stays as it is, and the next start looks again: what would begin now is
/// not in the count of what waits.
void job_core::on(job_ended_in& input) {
  if (!stopping_)
    ends_.emplace_back(std::move(input));
}

void job_core::on(job_watch_in& input) {
  if (const kept_job* const which = find(input.job))
    for (const running_run& run : which->running)
      if (run.id == input.id)
        out_->push_back(watch_run_effect{input.job, run.id, run.event});
}

/// What stands in it is put with the next commit, as at the start.
void job_core::on(job_file_in& input) {
  settings_.of_file = std::move(input.of_file);
  settings_.taken_out = std::move(input.taken_out);
  settings_.agent_names = std::move(input.agent_names);
  settings_.around.agents = std::move(input.agents);
  routes_ = route_table{std::move(input.routes)};
  is_of_file_put_ = false;
}

void job_core::take_ends() {
  while (!ends_.empty() && open_->emits.size() < emits_a_commit_) {
    const job_ended_in next = std::move(ends_.front());
    ends_.pop_front();
    if (kept_job* const which = find(next.job))
      end_run(*which, next);
  }
}

kept_job* job_core::find(const std::string& name) {
  const auto found = jobs_.find(name);
  return found == jobs_.end() ? nullptr : &found->second;
}

const kept_job* job_core::find(const std::string& name) const {
  const auto found = jobs_.find(name);
  return found == jobs_.end() ? nullptr : &found->second;
}

/// Before a job is changed.
void job_core::begin(kept_job& which) { open_->before.try_emplace(which.name(), which); }

/// A job of which more is due than a step takes comes again behind those that are due by now.
void job_core::fire_due() {
  while (!due_.empty() && due_.begin()->first <= now_.wall &&
         open_->emits.size() < emits_a_commit_ && open_->walked < limits::job_instants_a_commit) {
    kept_job& which = jobs_.at(due_.begin()->second);
    place(which, decide(which) ? now_.wall : instant::min());
  }
}

/// Every instant whose time has come gets its verdict; of very many, the first ones. Whether there
/// are more.
bool job_core::decide(kept_job& which) {
  if (!which.schedule)
    return false;
  // Of a job that could not run when it was paused there may be some from before the pause.
  if (which.paused && which.stood && which.through < which.paused->at &&
      decide_until(which, which.paused->at, true))
    return true;
  const bool more = decide_until(which, now_.wall, false);
  if (!more && which.stood && which.stood->until) {
    begin(which);
    which.stood.reset();
  }
  return more;
}

bool job_core::decide_until(kept_job& which, instant end, bool before_pause) {
  misfire_settings how{which.definition->misfire, which.definition->catch_up,
                       which.definition->catch_up_max, false,
                       which.room_for(record_kind::caught_up, 0)};
  const duration offset = which.offset();
#ifdef SKEIN_BUG_JOB_BREAKER_IS_OPEN
  how.nothing_is_caught_up =
      false &&
#else
  how.nothing_is_caught_up =
#endif
      which.definition->breaker && keeps_crashing_ &&
      which.schedule->next(which.through).value_or(started_) + offset < started_;
  const due_plan plan = decide_due(*which.schedule, how, offset, which.through, end);
  open_->walked += plan.walked;
  if (plan.stretches.empty())
    return false;
  begin(which);
  const bool stands_for_others =
      std::any_of(plan.stretches.begin(), plan.stretches.end(),
                  [](const due_stretch& each) { return each.what == verdict::merged; });
  for (const due_stretch& each : plan.stretches) {
    which.through = each.to;
#ifdef SKEIN_BUG_JOB_PAUSE_LEAVES_NO_RECORD
    if (which.paused)
      continue;
#endif
    if (which.paused) {
      job_record record{record_kind::skipped, each.from, each.to, each.count, now_.wall, {}, {}};
      record.why = before_pause ? stand_text(which) + ", and it was paused before it could"
                                : "paused by " + which.paused->by;
      add_record(which, std::move(record));
    } else if (each.what == verdict::fired || each.what == verdict::caught_up) {
      want_run(which, {kind_of(each.what), each.from, {}}, stands_for_others);
    } else {
      add_record(
          which,
          {kind_of(each.what), each.from, each.to, each.count, now_.wall, {}, why_of(which, each)});
    }
  }
  return plan.more;
}

/// "it could not run from 09:00 to 09:20 (agent: there is no agent "x")"
std::string job_core::stand_text(const kept_job& which) const {
  const job_stand& stood = *which.stood;
  const zone_rules& zone = zone_of(which);
  return "it could not run from " + local_text(stood.since, zone) + " to " +
         local_text(stood.until.value_or(now_.wall), zone) + " (" + stood.why + ")";
}

/// Of what was missed; with the time in which the job itself could not run.
std::string job_core::why_of(const kept_job& which, const due_stretch& missed) const {
  const bool stood = which.stood && missed.to >= which.stood->since &&
                     missed.from <= which.stood->until.value_or(now_.wall);
  return stood ? missed.why + "; " + stand_text(which) : missed.why;
}

void job_core::decide_all(kept_job& which) {
  while (decide(which)) {}
}

/// Where a job stands in the order of what is due.
void job_core::place(kept_job& which, instant not_before) {
  unplace(which);
  which.next = which.schedule ? which.schedule->next(which.through) : std::nullopt;
  if (!which.next)
    return;
  const instant at = std::max(*which.next + which.offset(), not_before);
  which.fires = which.paused ? std::max(at, now_.wall + look_every) : at;
  due_.emplace(*which.fires, which.name());
}

void job_core::unplace(kept_job& which) {
  if (which.fires)
    due_.erase({*which.fires, which.name()});
  which.fires.reset();
}

// ---- commits ------------------------------------------------------------------------------------

void job_core::submit() {
  if (open_->empty()) {
    for (auto& [ticket, body] : open_->answers)
      out_->push_back(job_answer_effect{ticket, {errc::none, std::move(body)}});
    is_put_once_ = is_put_once_ || (open_->of_file && is_of_file_put_);
    open_.reset();
    return;
  }
  journal::keep_op op;
  op.epoch = settings_.epoch; // of the keepers' shard; on one node all have the same
  op.shard = keeper_shard;
  const auto put = [&](agent_no agent, const std::string& key, std::string text) {
    op.states.push_back({agent, {key, false, slice{std::move(text)}}});
  };
  const auto erase = [&](agent_no agent, const std::string& key) {
    op.states.push_back({agent, {key, true, {}}});
  };
  for (const auto& [name, before] : open_->before) {
    if (open_->gone.contains(name)) {
      erase(settings_.jobs_agent, name);
      erase(settings_.states_agent, name);
      continue;
    }
    const kept_job& which = jobs_.at(name);
    if (open_->definitions.contains(name))
      put(settings_.jobs_agent, name, definition_text(which));
    put(settings_.states_agent, name, state_text(which));
  }
  if (open_->starts) {
    json starts = json::array();
    for (const instant each : crashes_)
      starts.push_back(to_ns(each));
    put(settings_.states_agent, "!node", starts.dump());
  }
  for (auto& each : open_->records)
    op.states.push_back(std::move(each));
  if (open_->audit && !open_->answers.empty())
    op.states.push_back(*std::move(open_->audit));
  op.emits = open_->emits;
  if (settings_.shared)
    for (journal::accept_op& each : op.emits)
      box(each);
  for (const auto& [name, before] : open_->before) {
    if (before)
      count(*before, false);
    if (const kept_job* const now = find(name))
      count(*now, true);
  }
  sent_ = std::exchange(open_, std::nullopt);
  submit_effect effect;
  effect.batch.emplace_back(std::move(op));
  out_->push_back(std::move(effect));
}

/// Its shard may be another node's, whose epoch is not known here.
bool job_core::is_boxed(const journal::accept_op& emit) const {
  return settings_.shared && emit.event.shard != keeper_shard;
}

void job_core::box(journal::accept_op& emit) const {
  if (!is_boxed(emit))
    return;
  emit.event = boxed(std::move(emit.event), keeper_shard);
  emit.deliveries = {};
  emit.deliveries.add(settings_.outbox);
}

void job_core::on(committed_in& input) {
  SKEIN_CHECK(sent_);
  if (!input.receipt)
    return undo(input.receipt.error(), true);
  SKEIN_CHECK(input.receipt->results.size() == 1);
  settle(input.receipt->results.front());
}

void job_core::settle(const journal::op_result& verdict) {
  switch (verdict.status) {
    case journal::op_status::applied:
      break;
    case journal::op_status::emit_conflict: {
      const auto& [name, id] = sent_->runs.at(verdict.emit);
      auto& before = sent_->before.at(name);
      if (before)
        before->impossible.insert(id);
      emits_a_commit_ = 1; // what has to be made again for the next one
      log(log_severity::error, "job-id-taken",
          "another event has the id " + id + " and other content: the instant is left out", name);
      return undo({}, false);
    }
    case journal::op_status::dedupe_full:
      return undo({errc::dedupe_full, "the window of identities is full"}, true);
    default:
      return undo({errc::fenced, "the shards of this node were taken over"}, true);
  }
  transaction done = *std::exchange(sent_, std::nullopt);
  is_put_once_ = is_put_once_ || done.of_file;
  emits_a_commit_ = std::min(emits_a_commit, emits_a_commit_ * 2);
  counted_.fired += done.counted.fired;
  counted_.caught_up += done.counted.caught_up;
  counted_.merged += done.counted.merged;
  counted_.skipped += done.counted.skipped;
  for (std::size_t i = 0; i < done.runs.size(); ++i) {
    const auto& [name, id] = done.runs[i];
    std::optional<event_id> event;
    if (!is_boxed(done.emits.at(i)))
      event = verdict.emits.at(i).event;
    if (kept_job* const which = find(name))
      for (running_run& run : which->running)
        if (run.id == id)
          run.event = event;
    out_->push_back(watch_run_effect{name, id, event});
  }
  for (auto& each : done.cancels)
    out_->push_back(std::move(each));
  for (auto& [ticket, body] : done.answers)
    out_->push_back(job_answer_effect{ticket, {errc::none, std::move(body)}});
}

/// As it was before the commit; what made it necessary will be decided again, but commands are
/// answered.
void job_core::undo(const error& why, bool try_again) {
  transaction refused = *std::exchange(sent_, std::nullopt);
  for (const auto& [name, before] : refused.before) {
    if (const kept_job* const now = find(name))
      count(*now, false);
    if (before)
      count(*before, true);
  }
  put_back(refused.before);
  for (const auto& [ticket, body] : refused.answers)
    fail(ticket, why.code == errc::none ? errc::state_conflict : why.code,
         why.code == errc::none ? "another event has the id of this run" : why.detail);
#ifndef SKEIN_BUG_JOB_REFUSED_END_IS_LOST
  ends_.insert(ends_.begin(), refused.ends.begin(), refused.ends.end());
#endif
  is_of_file_put_ = is_of_file_put_ && !refused.of_file;
  if (!try_again || !refused.decides)
    return;
  log(log_severity::warning, "jobs-refused",
      "what is due waits, as the store refuses: " + to_string(why), {});
  not_before_ = now_.boot + again_after;
}

// ---- helpers ------------------------------------------------------------------------------------

void job_core::arm() {
  if (sent_ || stopping_)
    return; // its answer is the next step; on the way to a stop there is none
  boot_time at = now_.boot + (settings_.shared ? duration{look_every_if_shared} : look_every);
  if (not_before_ && *not_before_ > now_.boot) {
    at = *not_before_;
  } else if (!due_.empty()) {
    at = std::min<boot_time>(
        at, now_.boot + std::max<duration>(due_.begin()->first - now_.wall,
                                           time_stands_still_ ? clock_patience : duration{0}));
  }
  if (armed_ && *armed_ <= at && *armed_ > now_.boot)
    return;
  armed_ = at;
  out_->push_back(wake_effect{at});
}

/// In the numbers of all jobs: comes, or goes.
void job_core::count(const kept_job& which, bool is_there) noexcept {
  const std::size_t stands = which.can_run() ? 0 : 1;
  const std::size_t pauses = which.can_run() && which.paused ? 1 : 0;
  paused_ += is_there ? pauses : -pauses;
  unreadable_ += is_there ? stands : -stands;
  running_ += is_there ? which.running.size() : -which.running.size();
}

void job_core::log(log_severity severity, std::string_view id, std::string text,
                   const std::string& name) {
  log_effect line;
  line.severity = severity;
  line.id = id;
  line.text = name.empty() ? std::move(text) : "job " + name + ": " + text;
  out_->push_back(std::move(line));
}

} // namespace skein
