#include "actors/jobs/job_core.hpp"

#include "actors/arguments.hpp"

#include "actors/access/audit.hpp"
#include "actors/jobs/job_views.hpp"
#include "protocol/raw_json.hpp"

#include <algorithm>

namespace skein {

using nlohmann::json;

namespace {

std::string name_in(const json& words) {
  const auto found = words.find("job");
  return found != words.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

std::string by_in(const json& words) {
  const std::string by = said(words, "by");
  return by.empty() ? "api" : by;
}

} // namespace

void job_core::command(const job_command_in& input) {
  const json words = words_of(input);
  const std::string name = name_in(words);
  if (!input.by.who.empty()) { // in one commit with what it does
    const audit_record record =
        make_audit(input.by, settings_.node, input.operation, words, now_.wall);
    const std::string key = audit_key(record, "j" + std::to_string(input.ticket));
    open_->audit = {settings_.audit_agent, {key, false, slice{audit_text(record)}}};
  }
  for (const char* text : {"by", "why"})
    if (said(words, text).size() > limits::job_note_bytes_max)
      return fail(input.ticket, errc::invalid_argument,
                  std::string{text} + " may have " + std::to_string(limits::job_note_bytes_max) +
                      " bytes");
  if (input.operation == "job.create" || input.operation == "job.edit")
    return create(input, words);
  if (find(name) == nullptr)
    return fail(input.ticket, errc::not_found, "there is no job " + name);
  if (input.operation == "job.delete")
    return remove(input, words);
  if (input.operation == "job.pause" || input.operation == "job.resume")
    return set_pause(input, words, input.operation == "job.pause");
  if (input.operation == "job.trigger")
    return trigger(input, words);
  backfill(input, words);
}

/// Creates a job, or puts another definition in the place of the one there is.
void job_core::create(const job_command_in& input, const json& words) {
  auto checked = checked_definition(input, words);
  if (!checked)
    return fail(input.ticket, checked.error().code, checked.error().detail);
  const std::string name = checked->name;
  define(name, *std::move(checked), job_owner::people, by_in(words));
  open_->answers.emplace_back(input.ticket, write_json(page_with_warnings(jobs_.at(name))));
}

/// That nobody gets its events is no error: routes may come with the next start.
json job_core::page_with_warnings(const kept_job& which) {
  json page = job_page(which, now_.wall);
  const auto made = make_event(which, {record_kind::fired, now_.wall}, which.name());
  if (made && made->deliveries.empty())
    page["warnings"] = {"no route takes events of the type " + which.definition->type + " from " +
                        job_source(which.name()) +
                        ": its runs are done at once, and nobody has seen them"};
  return page;
}

/// The definition of a create or an edit, if it may be.
result<job_definition> job_core::checked_definition(const job_command_in& input,
                                                    const json& words) {
  const std::string name = name_in(words);
  const bool is_new = input.operation == "job.create";
  const kept_job* const there = find(name);
  if (is_new && there != nullptr)
    return error{errc::state_conflict, "there is a job " + name + " already"};
  if (!is_new && there == nullptr)
    return error{errc::not_found, "there is no job " + name};
  if (there != nullptr && there->owner == job_owner::file)
    return error{errc::state_conflict,
                 "the configuration owns job " + name + ": change it there, and reload it"};
  const auto seen = words.find("revision");
  if (there != nullptr && seen != words.end() && *seen != there->revision)
    return error{errc::state_conflict,
                 "job " + name + " has been edited meanwhile: it is at revision " +
                     std::to_string(there->revision) + ", not " + seen->dump()};
  if (is_new && jobs_.size() >= limits::jobs_max)
    return error{errc::overloaded,
                 "there are " + std::to_string(limits::jobs_max) + " jobs, and that is the most"};
  job_reading read = read_job(
      name, words.contains("definition") ? words["definition"] : json::object(), settings_.around);
  if (!read.problems.empty())
    return job_error(read.problems);
  if (auto fits = graph_.check(read.job); !fits)
    return fits.error();
  if (auto comes = check_future(read.job); !comes)
    return comes.error();
  kept_job sample{name};
  sample.definition = std::make_shared<const job_definition>(read.job);
  if (auto made = make_event(sample, {record_kind::fired, now_.wall},
                             name + "@1970-01-01T00:00:00.000000000Z");
      !made)
    return error{errc::invalid_argument,
                 "it would publish what is no event: " + to_string(made.error())};
  return std::move(read.job);
}

/// A job that will never run is a mistake.
result<void> job_core::check_future(const job_definition& definition) const {
  if (std::holds_alternative<after_schedule>(definition.schedule))
    return {};
  const job_schedule schedule{definition, *settings_.around.find_zone(definition.zone)};
  if (schedule.next(now_.wall))
    return {};
  return error{errc::invalid_argument, "it would never run: its times are over"};
}

void job_core::define(const std::string& name, job_definition definition, job_owner of,
                      const std::string& by) {
  kept_job* which = find(name);
  const bool is_new = which == nullptr;
  if (is_new) {
    open_->before.try_emplace(name, std::nullopt);
    which = &jobs_.emplace(name, kept_job{name}).first->second;
    which->created = which->through = now_.wall;
  } else {
    begin(*which);
    decide_all(*which); // by the old definition up to now
    // What nobody could decide, as the old one could not be read, is left to the new one.
    if (which->can_run())
      which->through = std::max(which->through, now_.wall - which->offset());
  }
  const std::vector<std::string> came_after = graph_.before(name);
  definition.name = name;
  which->define(std::move(definition), settings_.around);
  graph_.put(*which->definition);
  which->unreadable.clear();
  which->words.clear();
  which->owner = of;
  ++which->revision;
  note_stand(*which);
  which->note(now_.wall, by, is_new ? "created" : "edited");
  open_->definitions.insert(name);
  open_->gone.erase(name);
  forget_ends(*which, came_after);
  if (!open_->of_file) // else when all is there that the file says
    start_waiting(*which);
  place(*which);
  for (const std::string& each : graph_.behind(name))
    check_chain_of(jobs_.at(each));
}

void job_core::remove(const job_command_in& input, const json& words) {
  const std::string name = name_in(words);
  kept_job& which = *find(name);
  if (which.owner == job_owner::file && (!settings_.shared || settings_.of_file.contains(name)))
    return fail(input.ticket, errc::state_conflict,
                "the configuration owns job " + name + ": remove it there, and reload it");
  if (const auto& behind = graph_.behind(name); !behind.empty())
    return fail(input.ticket, errc::state_conflict,
                "job " + *behind.begin() + " comes after it: delete or edit that one before");
  erase(which);
  log(log_severity::info, "job-deleted", "deleted by " + by_in(words), name);
  open_->answers.emplace_back(input.ticket, json{{"job", name}, {"deleted", true}}.dump());
}

/// With its records.
void job_core::erase(kept_job& which) {
  const std::string name = which.name();
  begin(which);
  unplace(which);
  for (std::uint64_t number = which.first_record(); number < which.next_record; ++number)
    open_->records.push_back({settings_.records_agent, {record_key(name, number), true, {}}});
  open_->gone.insert(name);
  open_->definitions.erase(name);
  graph_.erase(name);
  jobs_.erase(name);
}

void job_core::set_pause(const job_command_in& input, const json& words, bool paused) {
  kept_job& which = *find(name_in(words));
  if (paused == which.paused.has_value()) {
    open_->answers.emplace_back(input.ticket, write_json(job_page(which, now_.wall)));
    return;
  }
  begin(which);
  decide_all(which); // up to now, as it was until now
  if (paused)
    which.paused = job_pause{now_.wall, by_in(words), said(words, "why")};
  else
    which.paused.reset();
  which.failures = paused ? which.failures : 0;
  which.note(now_.wall, by_in(words), paused ? "paused" : "resumed");
  open_->definitions.insert(which.name());
  start_waiting(which);
  place(which);
  open_->answers.emplace_back(input.ticket, write_json(job_page(which, now_.wall)));
}

/// Now, beside the schedule.
void job_core::trigger(const job_command_in& input, const json& words) {
  kept_job& which = *find(name_in(words));
  if (!which.unreadable.empty())
    return fail(input.ticket, errc::state_conflict, "it cannot run: " + which.unreadable);
  if (which.definition->overlap == overlap_rule::skip && !which.running.empty())
    return fail(input.ticket, errc::state_conflict,
                "the run of " + local_text(which.running.front().due, zone_of(which)) +
                    " is still going on (overlap = skip)");
  begin(which);
  const std::size_t before = open_->runs.size();
  if (const std::string why = want_run(which, {record_kind::triggered, now_.wall, by_in(words)});
      !why.empty())
    return fail(input.ticket, errc::state_conflict, why); // which the ledger has as well
  json body{{"job", which.name()}, {"waits", open_->runs.size() == before}};
  if (open_->runs.size() > before) {
    body["id"] = open_->runs.back().second;
    body["source"] = job_source(which.name());
  }
  open_->answers.emplace_back(input.ticket, body.dump());
}

/// The instants from `from` to `to`, once more or for the first time, in order.
void job_core::backfill(const job_command_in& input, const json& words) {
  kept_job& which = *find(name_in(words));
  if (!which.schedule)
    return fail(input.ticket, errc::invalid_argument,
                which.unreadable.empty()
                    ? "a job that comes after others has no instants of its own"
                    : "it cannot run: " + which.unreadable);
  const auto time = [&](const char* key) {
    return time_said(said(words, key), which.schedule->zone());
  };
  const auto from = time("from"), to = time("to");
  if (!from || !to || *from > *to)
    return fail(
        input.ticket, errc::invalid_argument,
        "from and to must be times, such as 2026-08-16T09:00:00Z, or of the job's zone, and "
        "to not before from");
  if (*to > now_.wall)
    return fail(input.ticket, errc::invalid_argument, "to lies in the future");
  const std::string by = by_in(words);
  const auto all = which.schedule->between(*from - duration{1}, *to, limits::job_queue_max + 1);
  const std::size_t count = all ? static_cast<std::size_t>(all->count) : 0;
  const std::size_t room =
      std::min(which.room_for(record_kind::backfilled, by.size()), limits::job_queue_max);
  if (count > room)
    return fail(input.ticket, errc::invalid_argument,
                "there is room for " + std::to_string(room) +
                    " instants now: take a part of it, and the next when these have run");
  begin(which);
  json body{{"job", which.name()}, {"instants", count}};
  std::size_t left_out = 0;
  auto due = all ? std::optional{all->first} : std::nullopt;
  for (std::size_t i = 0; i < count; ++i, due = which.schedule->next(*due))
    if (const std::string why = want_run(which, {record_kind::backfilled, *due, by});
        !why.empty()) {
      ++left_out;
      body["why"] = why;
    }
  body["runs"] = open_->runs.size();
  body["waits"] = count - open_->runs.size() - left_out;
  body["left_out"] = left_out;
  body["paused"] = which.paused.has_value();
  open_->answers.emplace_back(input.ticket, write_json(body));
}

// ---- those of the configuration -----------------------------------------------------------------

/// At the start, and when the file has changed: what it says is what is there, but for jobs that
/// people own.
void job_core::put_of_file() {
  open_->of_file = true;
  open_->starts = settings_.unclean && !is_put_once_;
  if (!remove_of_file())
    return; // the rest goes with the next commit
  is_of_file_put_ = true;
  if (is_put_once_)
    judge_anew();
  for (const auto& [name, text] : settings_.of_file)
    adopt(name, text);
  check_chains();
  for (auto& [name, each] : jobs_)
    if (each.can_run() && !each.queue.empty()) {
      begin(each);
      start_waiting(each); // it could not, before
    } else if (!each.can_run())
      log(log_severity::warning, "job-unreadable", "it does not run: " + each.unreadable, name);
  for (auto& [name, each] : jobs_)
    note_stand(each);
}

/// From when to when a job with instants of its own cannot run, for their records.
void job_core::note_stand(kept_job& which) {
  const bool stands = !which.can_run() && after_of(*which.definition) == nullptr;
  if (stands && (!which.stood || which.stood->until)) {
    begin(which);
    which.stood = job_stand{now_.wall, std::nullopt, which.unreadable};
  } else if (!stands && which.stood && !which.stood->until) {
    begin(which);
    which.stood->until = now_.wall;
  }
}

/// Those that the file has no longer. Whether all of them are gone: each goes with its records, and
/// a commit has only so many.
bool job_core::remove_of_file() {
  std::vector<std::string> gone;
  for (const auto& [name, each] : jobs_)
    if (each.owner == job_owner::file && !settings_.of_file.contains(name)) {
      if (!settings_.shared || settings_.taken_out.contains(name))
        gone.push_back(name);
      else // the file of the node that had them before may have it, as while nodes restart
        log(log_severity::warning, "job-not-in-file",
            "it is of the configuration, and not in this node's: if that is meant, delete it with "
            "skein job delete " +
                name,
            name);
    }
  for (const std::string& name : gone) {
    if (open_->records.size() >= limits::job_removals_a_commit)
      return false;
    log(log_severity::info, "job-deleted", "it is no longer in the configuration", name);
    erase(jobs_.at(name));
  }
  return true;
}

/// Agents have come and gone: a job whose agent has gone stands still until that is back, as after
/// a start without it.
void job_core::judge_anew() {
  for (auto& [name, each] : jobs_) {
    kept_job again{name};
    read_definition(again, definition_text(each), settings_.around);
    if (again.words.empty() == each.words.empty())
      continue;
    begin(each);
    each.words = std::move(again.words);
    each.unreadable = std::move(again.unreadable);
    each.definition = std::move(again.definition);
    each.schedule = std::move(again.schedule);
    graph_.put(*each.definition);
    place(each);
  }
}

void job_core::adopt(const std::string& name, const std::string& text) {
  const kept_job* const there = find(name);
  if (there != nullptr && there->owner == job_owner::people)
    return log(log_severity::warning, "job-owned-by-cli",
               "it was made by a command, so the one of the configuration has no effect: delete it "
               "with `skein job delete " +
                   name + "` and reload the file, or take it out of the file",
               name);
  job_reading read = read_job(name, read_job_words(text), settings_.around);
  if (!read.problems.empty()) // nodes/config has checked it
    return log(log_severity::error, "job-unreadable", job_error(read.problems).detail, name);
  if (there != nullptr && there->unreadable.empty() &&
      write_json(job_words(*there->definition)) == write_json(job_words(read.job)))
    return;
  define(name, std::move(read.job), job_owner::file, "file");
}

/// The file and people can make a chain together that neither could alone: with a circle, or with a
/// job before it that has gone.
void job_core::check_chains() {
  for (auto& [name, each] : jobs_)
    check_chain_of(each);
}

void job_core::check_chain_of(kept_job& which) {
  if (after_of(*which.definition) == nullptr || !which.words.empty())
    return;
  const auto fits = graph_.check(*which.definition);
  std::string problem = fits ? std::string{} : fits.error().detail;
  if (problem == which.unreadable && which.inputs.empty())
    return;
  begin(which);
  which.unreadable = std::move(problem);
  // What waits could not begin before; at a start it does when all is there that the file says.
  if (!open_->of_file)
    start_waiting(which);
  chains_to_try_.insert(which.name()); // for what has ended while it could not
}

} // namespace skein
