// What is told of jobs: in JSON, times in UTC and in the zone of the job.
#include "actors/jobs/job_core.hpp"

#include "protocol/raw_json.hpp"

#include <algorithm>
#include <cstdio>

namespace skein {

using nlohmann::json;

namespace {

constexpr std::size_t instants_shown = 5;
constexpr std::size_t instants_max = 1'000;
constexpr std::chrono::hours remark_before{36};

/// "2026-10-25T02:30:00+02:00"
std::string local_text(instant at, const zone_rules& zone) {
  const auto offset = zone.at(at).offset;
  std::string text = format_rfc3339(at + offset);
  text.pop_back(); // Z
  const auto minutes =
      std::chrono::floor<std::chrono::minutes>(offset < std::chrono::seconds{0} ? -offset : offset);
  char shown[16];
  std::snprintf(shown, sizeof shown, "%c%02d:%02d", offset < std::chrono::seconds{0} ? '-' : '+',
                static_cast<int>(minutes.count() / 60), static_cast<int>(minutes.count() % 60));
  return text + shown;
}

/// What the clocks do near an instant; empty if they do nothing.
std::string clock_remark(instant due, const zone_rules& zone) {
  const offset_span span = zone.at(due);
  const auto near = [&](instant change) {
    const offset_span before = zone.at(change - std::chrono::seconds{1});
    const offset_span behind = zone.at(change);
    const bool forward = behind.offset > before.offset;
    const duration by = forward ? behind.offset - before.offset : before.offset - behind.offset;
    std::string text = "the clocks go ";
    text += forward ? "forward by " : "back by ";
    return text + format_duration(by) + " at " + local_text(change, zone);
  };
  if (span.begin != instant::min() && due - span.begin <= remark_before)
    return near(span.begin);
  if (span.end != instant::max() && span.end - due <= remark_before)
    return near(span.end);
  return {};
}

json instant_view(instant due, const zone_rules& zone) {
  json view{{"utc", format_rfc3339(due)}, {"local", local_text(due, zone)}};
  if (const std::string remark = clock_remark(due, zone); !remark.empty())
    view["remark"] = remark;
  return view;
}

std::size_t count_in(const json& words, const char* key, std::size_t fallback, std::size_t most) {
  const auto found = words.find(key);
  std::size_t count = fallback;
  if (found != words.end() && found->is_number_unsigned())
    count = found->get<std::size_t>();
  else if (found != words.end() && found->is_string())
    count = static_cast<std::size_t>(std::strtoul(found->get<std::string>().c_str(), nullptr, 10));
  return std::clamp<std::size_t>(count, 1, most);
}

/// The newest instant that is not behind `asked`, if there is one within what is worth a search.
std::optional<instant> due_until(const job_schedule& schedule, instant asked) {
  if (const auto exact = schedule.next(asked - duration{1}); exact == asked)
    return exact;
  for (duration back = std::chrono::minutes{1}; back < std::chrono::hours{24 * 400}; back *= 8)
    if (const auto all = schedule.between(asked - back, asked, limits::job_instants_a_step))
      return all->last;
  return std::nullopt;
}

} // namespace

void job_core::question(const job_command_in& input, const json& words) {
  if (input.operation == "job.list") {
    json rows = json::array();
    for (const auto& [name, each] : jobs_)
      rows.push_back(row_of(each));
    return answer(input.ticket,
                  {{"jobs", std::move(rows)}, {"zone", settings_.around.default_zone}});
  }
  if (input.operation == "job.graph")
    return answer(input.ticket, graph());
  if (words.value("dry_run", false))
    return dry_run(input);
  const kept_job* const which = find(words.value("job", std::string{}));
  if (which == nullptr)
    return fail(input.ticket, errc::not_found,
                "there is no job " + words.value("job", std::string{}));
  if (input.operation == "job.describe")
    return answer(input.ticket, page_of(*which));
  if (input.operation == "job.next")
    return answer(
        input.ticket,
        {{"job", which->definition.name},
         {"schedule", schedule_text(which->definition)},
         {"zone", which->definition.zone},
         {"next", next_of(*which, count_in(words, "limit", instants_shown, instants_max))}});
  if (input.operation == "job.explain")
    return explain(input, *which, words);
  if (input.operation != "job.history")
    return fail(input.ticket, errc::invalid_argument, "there is no operation " + input.operation);
  const std::size_t limit = count_in(words, "limit", limits::page_rows_default, instants_max);
  readings_[++reads_] = {input.ticket, which->definition.name, std::nullopt, limit};
  out_->push_back(read_records_effect{reads_, which->definition.name, first_record(*which),
                                      which->next_record, limit, std::nullopt});
}

/// Checks what a create or an edit would do, and shows it.
void job_core::dry_run(const job_command_in& input) {
  if (input.operation != "job.create" && input.operation != "job.edit")
    return fail(input.ticket, errc::invalid_argument, "only create and edit have a dry run");
  const json exact = read_job_words(input.arguments);
  auto checked = checked_definition(input, exact);
  if (!checked)
    return fail(input.ticket, checked.error().code, checked.error().detail);
  kept_job shown;
  shown.definition = *std::move(checked);
  shown.created = shown.through = now_.wall;
  if (!std::holds_alternative<after_schedule>(shown.definition.schedule))
    shown.schedule = std::make_shared<const job_schedule>(
        shown.definition, *settings_.around.find_zone(shown.definition.zone));
  json view = page_of(shown);
  view["dry_run"] = true;
  answer(input.ticket, view);
}

std::uint64_t job_core::first_record(const kept_job& which) const {
  return which.next_record > limits::job_records_max ? which.next_record - limits::job_records_max
                                                     : 1;
}

json job_core::row_of(const kept_job& which) const {
  const job_definition& job = which.definition;
  json row{{"job", job.name},
           {"schedule", schedule_text(job)},
           {"zone", job.zone},
           {"owner", which.of == owner::file ? "file" : "cli"},
           {"state", !which.unreadable.empty() ? "unreadable"
                     : which.paused            ? "paused"
                                               : "active"},
           {"agent", job.agent.empty() ? json(nullptr) : json(job.agent)},
           {"type", job.type},
           {"running", which.running.size()},
           {"waiting", which.queue.size()},
           {"failures", which.failures}};
  if (which.schedule && which.unreadable.empty()) {
    const auto next = which.schedule->next(std::max(which.through, now_.wall - offset_of(which)));
    row["next"] = next ? json(format_rfc3339(*next)) : json(nullptr);
    row["next_local"] = next ? json(local_text(*next, which.schedule->zone())) : json(nullptr);
  } else {
    row["next"] = row["next_local"] = nullptr;
  }
  return row;
}

json job_core::page_of(const kept_job& which) const {
  json page = row_of(which);
  page["definition"] =
      which.unreadable.empty() ? job_words(which.definition) : read_job_words(which.words)["job"];
  page["revision"] = which.revision;
  page["created"] = format_rfc3339(which.created);
  page["next"] = next_of(which, instants_shown);
  page["policies"] = policies_of(which);
  page["changes"] = json::array();
  for (const change& each : which.changes)
    page["changes"].push_back(
        {{"at", format_rfc3339(each.at)}, {"by", each.by}, {"what", each.what}});
  if (which.paused)
    page["paused"] = {{"at", format_rfc3339(which.paused->at)},
                      {"by", which.paused->by},
                      {"why", which.paused->why}};
  if (!which.unreadable.empty())
    page["problem"] = which.unreadable;
  page["runs"] = json::array();
  for (const running_run& each : which.running)
    page["runs"].push_back({{"due", format_rfc3339(each.due)},
                            {"id", each.id},
                            {"event", each.event ? json(to_string(*each.event)) : json(nullptr)}});
  if (offset_of(which) > duration{0})
    page["jitter"] = format_duration(offset_of(which));
  return page;
}

/// The rules in words.
json job_core::policies_of(const kept_job& which) const {
  const job_definition& job = which.definition;
  json told = json::array();
  const std::string bound = job.catch_up                       ? format_duration(*job.catch_up)
                            : job.misfire == misfire_rule::all ? std::string{"24h"}
                                                               : "half of its period, 1h at most";
  if (which.schedule) { // of its own instants
    switch (job.misfire) {
      case misfire_rule::skip:
        told.push_back("misfire = skip: an instant that was missed does not run");
        break;
      case misfire_rule::once:
        told.push_back(
            "misfire = once: of missed instants the newest runs, if it is late by no more "
            "than " +
            bound);
        break;
      case misfire_rule::all:
        told.push_back("misfire = all: each missed instant runs that is late by no more than " +
                       bound + ", " + std::to_string(job.catch_up_max) + " at most");
        break;
    }
  }
  switch (job.overlap) {
    case overlap_rule::skip:
      told.push_back("overlap = skip: an instant does not run while the run before goes on");
      break;
    case overlap_rule::queue:
      told.push_back("overlap = queue: an instant waits until the run before has ended");
      break;
    case overlap_rule::cancel:
      told.push_back("overlap = cancel: an instant ends the run before, and runs then");
      break;
    case overlap_rule::allow:
      told.push_back("overlap = allow: runs go on beside each other");
      break;
  }
  if (offset_of(which) > duration{0})
    told.push_back("jitter: it runs " + format_duration(offset_of(which)) +
                   " behind each instant, always by the same");
  if (job.timeout > duration{0})
    told.push_back("timeout: a run ends after " + format_duration(job.timeout));
  if (job.pause_after > 0)
    told.push_back("pause_after: it is paused after " + std::to_string(job.pause_after) +
                   " failures one after the other");
  return told;
}

json job_core::next_of(const kept_job& which, std::size_t count) const {
  json found = json::array();
  if (!which.schedule || !which.unreadable.empty())
    return found;
  auto due = which.schedule->next(std::max(which.through, now_.wall - offset_of(which)));
  for (; due && found.size() < count; due = which.schedule->next(*due))
    found.push_back(instant_view(*due, which.schedule->zone()));
  return found;
}

json job_core::graph() const {
  json edges = json::array(), jobs = json::array();
  for (const auto& [name, each] : jobs_) {
    jobs.push_back({{"job", name}, {"schedule", schedule_text(each.definition)}});
    if (const auto* after = std::get_if<after_schedule>(&each.definition.schedule))
      for (const auto& up : after->jobs)
        edges.push_back({{"from", up.job}, {"to", name}, {"wanted", to_text(up.wanted)}});
  }
  return {{"jobs", std::move(jobs)}, {"edges", std::move(edges)}};
}

// ---- records ------------------------------------------------------------------------------------

void job_core::explain(const job_command_in& input, const kept_job& which, const json& words) {
  if (!which.schedule)
    return fail(
        input.ticket, errc::invalid_argument,
        which.unreadable.empty()
            ? "it has no instants of its own: it is due when a run of the jobs before it has "
              "ended; `skein job history` tells of each"
            : "it cannot run: " + which.unreadable);
  const std::string text = words.value("at", std::string{});
  const auto at =
      text.empty() ? std::optional{now_.wall} : parse_zone_time(text, which.schedule->zone());
  if (!at)
    return fail(
        input.ticket, errc::invalid_argument,
        "at must be a time, such as 2026-08-16T09:00:00Z, or one of the job's zone, such as "
        "2026-08-16T09:00");
  readings_[++reads_] = {input.ticket, which.definition.name, at, 0};
  out_->push_back(read_records_effect{reads_, which.definition.name, first_record(which),
                                      which.next_record, 16,
                                      due_until(*which.schedule, *at).value_or(*at)});
}

void job_core::on(job_records_in& input) {
  const auto asked = readings_.extract(input.read);
  if (asked.empty())
    return;
  const reading& which = asked.mapped();
  const kept_job* const found = find(which.job);
  if (found == nullptr)
    return fail(which.ticket, errc::not_found, "there is no job " + which.job);
  if (!input.records)
    return fail(which.ticket, input.records.error().code, input.records.error().detail);
  if (found->open)
    input.records->push_back(*found->open);
  if (which.explained)
    return answer(which.ticket, explanation(*found, *which.explained, input));
  json rows = json::array();
  for (auto each = input.records->rbegin();
       each != input.records->rend() && rows.size() < which.limit; ++each)
    rows.push_back(record_view(*found, *each, input));
  answer(which.ticket, {{"job", which.job}, {"zone", found->definition.zone}, {"records", rows}});
}

json job_core::record_view(const kept_job& which, const job_record& record,
                           const job_records_in& found) const {
  const zone_rules* zone = settings_.around.find_zone(which.definition.zone);
  json view{{"verdict", to_text(record.kind)},
            {"from", format_rfc3339(record.from)},
            {"to", format_rfc3339(record.to)},
            {"count", record.count},
            {"decided", format_rfc3339(record.decided)}};
  if (zone != nullptr) {
    view["local"] = local_text(record.from, *zone);
    view["local_to"] = local_text(record.to, *zone);
  }
  if (!record.why.empty())
    view["why"] = record.why;
  if (!record.has_run())
    return view;
  view["late_ms"] = std::chrono::duration_cast<std::chrono::milliseconds>(
                        record.decided - record.from - offset_of(which))
                        .count();
  view["id"] = record.id;
  if (const auto event = found.events.find(record.id); event != found.events.end()) {
    view["event"] = to_string(event->second.first);
    view["state"] = to_string(event->second.second);
  }
  return view;
}

/// In plain words, why it did or did not run at an instant.
json job_core::explanation(const kept_job& which, instant asked,
                           const job_records_in& found) const {
  const zone_rules& zone = which.schedule->zone();
  const auto shown = [&](instant at) { return local_text(at, zone); };
  std::vector<std::string> words;
  const auto found_due = due_until(*which.schedule, asked);
  if (found_due != asked) {
    const auto behind = which.schedule->next(asked);
    words.push_back("It was not due at " + shown(asked) + ": its instants around that are " +
                    (found_due ? shown(*found_due) : std::string{"none before"}) + " and " +
                    (behind ? shown(*behind) : std::string{"none behind"}) + ".");
  }
  if (!found_due)
    return {{"job", which.definition.name}, {"at", shown(asked)}, {"explanation", words}};
  const instant due = *found_due;
  const std::string remark = clock_remark(due, zone);
  words.push_back(explain_due(which, due, found));
  if (!remark.empty())
    words.push_back("Near it " + remark + ".");
  json body{{"job", which.definition.name},
            {"at", shown(asked)},
            {"due", shown(due)},
            {"explanation", words}};
  for (const job_record& each : *found.records)
    if (each.from <= due && due <= each.to)
      body["records"].push_back(record_view(which, each, found));
  return body;
}

std::string job_core::explain_due(const kept_job& which, instant due,
                                  const job_records_in& found) const {
  const std::string at = local_text(due, which.schedule->zone());
  const instant fires = due + offset_of(which);
  if (due <= which.created)
    return "At " + at + " there was no such job yet: it was created at " +
           local_text(which.created, which.schedule->zone()) + ".";
  if (fires > now_.wall)
    return "It is due at " + at + ", in " + format_duration(fires - now_.wall) +
           (which.paused ? "; it will be left out if the job is still paused then." : ".");
  for (const waiting_run& each : which.queue)
    if (each.due == due)
      return "The instant " + at + " waits until the run before has ended.";
  if (due > which.through)
    return which.paused ? "The instant " + at + " is left out: the job is paused by " +
                              which.paused->by + "."
                        : "The instant " + at + " is being decided right now.";
  for (const job_record& each : *found.records)
    if (is_due_record(each.kind) && each.from <= due && due <= each.to)
      return explain_record(which, each, at, found);
  return "What became of " + at + " is not known any more: the newest " +
         std::to_string(limits::job_records_max) + " records of a job are kept.";
}

std::string job_core::explain_record(const kept_job& which, const job_record& record,
                                     const std::string& at, const job_records_in& found) const {
  const auto event = found.events.find(record.id);
  const std::string run = event == found.events.end()
                              ? "event " + record.id
                              : "event " + to_string(event->second.first) + ", which is " +
                                    std::string{to_string(event->second.second)};
  const std::string late = format_duration(std::chrono::floor<std::chrono::milliseconds>(
      record.decided - record.from - offset_of(which)));
  switch (record.kind) {
    case record_kind::fired:
      return "It ran for " + at + ", " + late + " late, as " + run + ".";
    case record_kind::caught_up:
      return "It was missed at " + at + " and ran " + late + " late, as " + run +
             " (misfire = " + std::string{to_text(which.definition.misfire)} + ").";
    case record_kind::merged:
      return "It did not run for " + at + " of its own: " + record.why + " (" +
             std::to_string(record.count) + " instants).";
    default:
      return "It did not run for " + at + ": " + record.why +
             (record.count > 1 ? " (" + std::to_string(record.count) + " instants, from " +
                                     local_text(record.from, which.schedule->zone()) + " to " +
                                     local_text(record.to, which.schedule->zone()) + ")."
                               : ".");
  }
}

} // namespace skein
