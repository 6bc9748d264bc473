#include "actors/jobs/job_core.hpp"

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
/// How often what is due next is looked at while the wall clock does not move.
constexpr std::chrono::milliseconds clock_patience{50};

} // namespace

job_core::job_core(job_settings settings)
  : settings_{std::move(settings)}, routes_{settings_.routes} {}

void job_core::recover(const std::string& name, std::string_view definition,
                       std::string_view state) {
  kept_job found;
  found.definition.name = name;
  found.words = definition;
  read_definition(found);
  read_state(found, state);
  jobs_.emplace(name, std::move(found));
}

void job_core::start(moment now, std::vector<job_effect>& out) {
  now_ = now;
  out_ = &out;
  started_ = now.wall;
  open_ = transaction{};
  std::erase_if(crashes_, [&](instant at) { return at < now.wall - limits::job_breaker_time; });
  if (settings_.unclean) {
    crashes_.push_back(now.wall);
    open_->starts = true;
    if (has_crashed_often())
      log(log_severity::warning, "jobs-breaker",
          "the node has ended unclean " + std::to_string(crashes_.size()) + " times within " +
              format_duration(limits::job_breaker_time) +
              ": what jobs have missed meanwhile is not caught up",
          {});
  }
  put_of_file();
  for (auto& [name, each] : jobs_) {
    place(each);
    for (const running_run& run : each.running)
      out.push_back(watch_run_effect{name, run.id, run.event});
  }
  fire_due();
  submit();
  arm();
}

void job_core::step(job_input input, moment now, std::vector<job_effect>& out) {
  // Boot time passes but the wall does not: engine time waits for a clock that was set back.
  if (now.boot > now_.boot)
    time_stands_still_ = now.wall == now_.wall;
  now_ = now;
  out_ = &out;
  std::visit([&](auto& each) { on(each); }, input);
  if (!sent_) {
    if (!open_)
      open_ = transaction{};
    take_waiting();
    if (!stopping_ && (!not_before_ || *not_before_ <= now.boot)) {
      not_before_.reset();
      fire_due();
    }
    submit();
  }
  arm();
}

void job_core::on(job_command_in& input) {
  const json words = read_job_words(input.arguments.empty() ? "{}" : input.arguments);
  if (!words.is_object())
    return fail(input.ticket, errc::invalid_argument, "the arguments are no JSON object");
  static const std::set<std::string, std::less<>> changes{
      "job.create", "job.edit",    "job.delete",  "job.pause",
      "job.resume", "job.trigger", "job.backfill"};
  if (!changes.contains(input.operation) || words.value("dry_run", false))
    return question(input, words);
  if (stopping_)
    return fail(input.ticket, errc::draining, "the node is shutting down");
  waiting_.emplace_back(std::move(input));
}

void job_core::on(job_ended_in& input) { waiting_.emplace_back(std::move(input)); }

void job_core::on(job_watch_in& input) {
  if (const kept_job* const which = find(input.job))
    for (const running_run& run : which->running)
      if (run.id == input.id)
        out_->push_back(watch_run_effect{input.job, run.id, run.event});
}

void job_core::take_waiting() {
  while (!waiting_.empty() && open_->emits.size() < emits_a_commit) {
    job_input next = std::move(waiting_.front());
    waiting_.pop_front();
    if (const auto* asked = std::get_if<job_command_in>(&next))
      command(*asked);
    else if (const auto* ended = std::get_if<job_ended_in>(&next))
      if (kept_job* const which = find(ended->job))
        end_run(*which, *ended);
  }
}

job_core::kept_job* job_core::find(const std::string& name) {
  const auto found = jobs_.find(name);
  return found == jobs_.end() ? nullptr : &found->second;
}

/// Before a job is changed.
void job_core::begin(kept_job& which) { open_->before.try_emplace(which.definition.name, which); }

void job_core::fire_due() {
  while (!due_.empty() && due_.begin()->first <= now_.wall &&
         open_->emits.size() < emits_a_commit) {
    kept_job& which = jobs_.at(due_.begin()->second);
    decide(which);
    place(which);
  }
}

/// Every instant whose time has come gets its verdict; of very many, the first ones. Whether there
/// are more.
bool job_core::decide(kept_job& which) {
  if (!which.schedule)
    return false;
  misfire_settings how{which.definition.misfire, which.definition.catch_up,
                       which.definition.catch_up_max, false};
  const duration offset = offset_of(which);
#ifdef SKEIN_BUG_JOB_BREAKER_IS_OPEN
  how.nothing_is_caught_up = false &&
#else
  how.nothing_is_caught_up =
#endif
                             which.definition.breaker && has_crashed_often() && which.next &&
                             *which.next + offset < started_;
  const due_plan plan = decide_due(*which.schedule, how, offset, which.through, now_.wall);
  if (plan.stretches.empty())
    return false;
  begin(which);
  for (const due_stretch& each : plan.stretches) {
    which.through = each.to;
#ifdef SKEIN_BUG_JOB_PAUSE_LEAVES_NO_RECORD
    if (which.paused)
      continue;
#endif
    if (which.paused) {
      job_record record{record_kind::skipped, each.from, each.to, each.count, now_.wall, {}, {}};
      record.why = "paused by " + which.paused->by;
      add_record(which, std::move(record));
    } else if (each.what == verdict::fired || each.what == verdict::caught_up) {
      want_run(which, {kind_of(each.what), each.from, {}});
    } else {
      add_record(which,
                 {kind_of(each.what), each.from, each.to, each.count, now_.wall, {}, each.why});
    }
  }
  return plan.more;
}

void job_core::decide_all(kept_job& which) {
  while (decide(which)) {}
}

/// Where a job stands in the order of what is due.
void job_core::place(kept_job& which) {
  unplace(which);
  which.next = which.schedule ? which.schedule->next(which.through) : std::nullopt;
  if (!which.next)
    return;
  const instant at = *which.next + offset_of(which);
  which.fires = which.paused ? std::max(at, now_.wall + look_every) : at;
  due_.emplace(*which.fires, which.definition.name);
}

void job_core::unplace(kept_job& which) {
  if (which.fires)
    due_.erase({*which.fires, which.definition.name});
  which.fires.reset();
}

// ---- commits ------------------------------------------------------------------------------------

void job_core::submit() {
  if (open_->empty()) {
    for (auto& [ticket, body] : open_->answers)
      out_->push_back(job_answer_effect{ticket, {errc::none, std::move(body)}});
    open_.reset();
    return;
  }
  journal::keep_op op;
  op.epoch = settings_.epoch; // on one node all shards have the same
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
  op.emits = open_->emits;
  sent_ = std::exchange(open_, std::nullopt);
  submit_effect effect;
  effect.batch.emplace_back(std::move(op));
  out_->push_back(std::move(effect));
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
  for (std::size_t i = 0; i < done.runs.size(); ++i) {
    const auto& [name, id] = done.runs[i];
    const event_id event = verdict.emits.at(i).event;
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
  for (auto& [name, before] : refused.before) {
    if (kept_job* const now = find(name))
      unplace(*now);
    if (!before) {
      jobs_.erase(name);
      continue;
    }
    before->fires.reset();
#ifdef SKEIN_BUG_JOB_REFUSED_IS_DONE
    before->through = jobs_.at(name).through;
#endif
    place(jobs_.insert_or_assign(name, std::move(*before)).first->second);
  }
  for (const auto& [ticket, body] : refused.answers)
    fail(ticket, why.code == errc::none ? errc::state_conflict : why.code,
         why.code == errc::none ? "another event has the id of this run" : why.detail);
  waiting_.insert(waiting_.begin(), refused.ends.begin(), refused.ends.end());
  if (!try_again)
    return;
  log(log_severity::warning, "jobs-refused",
      "what is due waits, as the store refuses: " + to_string(why), {});
  not_before_ = now_.boot + again_after;
}

// ---- helpers ------------------------------------------------------------------------------------

void job_core::arm() {
  boot_time at = now_.boot + look_every;
  if (!due_.empty() && !sent_ && !stopping_)
    at = std::min<boot_time>(
        at, now_.boot + std::max<duration>(due_.begin()->first - now_.wall,
                                           time_stands_still_ ? clock_patience : duration{0}));
  if (not_before_)
    at = std::max(at, *not_before_);
  if (armed_ && *armed_ <= at && *armed_ > now_.boot)
    return;
  armed_ = at;
  out_->push_back(wake_effect{at});
}

std::size_t job_core::paused() const noexcept {
  std::size_t count = 0;
  for (const auto& [name, each] : jobs_)
    count += each.paused ? 1u : 0u;
  return count;
}

std::size_t job_core::running() const noexcept {
  std::size_t count = 0;
  for (const auto& [name, each] : jobs_)
    count += each.running.size();
  return count;
}

bool job_core::has_crashed_often() const { return crashes_.size() >= limits::job_breaker_crashes; }

void job_core::log(log_severity severity, std::string_view id, std::string text,
                   const std::string& name) {
  log_effect line;
  line.severity = severity;
  line.id = id;
  line.text = name.empty() ? std::move(text) : "job " + name + ": " + text;
  out_->push_back(std::move(line));
}

void job_core::answer(std::uint64_t ticket, const json& body) {
  out_->push_back(job_answer_effect{ticket, {errc::none, write_json(body)}});
}

void job_core::fail(std::uint64_t ticket, errc code, std::string why) {
  out_->push_back(job_answer_effect{ticket, {code, std::move(why)}});
}

} // namespace skein
