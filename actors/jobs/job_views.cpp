// What is told of jobs: in JSON, times in UTC and in the zone of the job.
#include "actors/jobs/job_views.hpp"

#include "protocol/raw_json.hpp"

#include <algorithm>
#include <cstdio>

namespace skein {

using nlohmann::json;

namespace {

constexpr std::chrono::hours remark_near{36};

} // namespace

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
  if (span.begin != instant::min() && due - span.begin <= remark_near)
    return near(span.begin);
  if (span.end != instant::max() && span.end - due <= remark_near)
    return near(span.end);
  return {};
}

namespace {

json instant_view(instant due, const zone_rules& zone) {
  json view{{"utc", format_rfc3339(due)}, {"local", local_text(due, zone)}};
  if (const std::string remark = clock_remark(due, zone); !remark.empty())
    view["remark"] = remark;
  return view;
}

/// Of a schedule by the clock, where clocks are set.
void tell_clock_rules(const kept_job& which, json& told) {
  if (!which.schedule)
    return;
  const offset_span span = which.schedule->zone().at(which.created);
  if (span.begin == instant::min() && span.end == instant::max())
    return; // they are not
  const dst_rules rules = which.schedule->rules();
  told.push_back(rules.gap == gap_rule::behind
                     ? "gap = behind: a time that the clocks leave out runs at the first one behind"
                     : "gap = skip: a time that the clocks leave out does not run");
  told.push_back(rules.repeat == repeat_rule::both    ? "repeat = both: a time that comes twice "
                                                        "runs each time"
                 : rules.repeat == repeat_rule::first ? "repeat = first: a time that comes twice "
                                                        "runs the first time"
                                                      : "repeat = second: a time that comes twice "
                                                        "runs the second time");
}

/// The rules in words.
json policies_of(const kept_job& which) {
  const job_definition& job = *which.definition;
  json told = json::array();
  const std::string bound = job.catch_up                       ? format_duration(*job.catch_up)
                            : job.misfire == misfire_rule::all ? std::string{"24h"}
                            : std::holds_alternative<at_schedule>(job.schedule)
                                ? "1h"
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
  if (const auto* cron = std::get_if<cron_schedule>(&job.schedule); cron != nullptr)
    tell_clock_rules(which, told);
  if (which.offset() > duration{0})
    told.push_back("jitter: it runs " + format_duration(which.offset()) +
                   " behind each instant, always by the same, of " + format_duration(job.jitter));
  if (job.timeout > duration{0})
    told.push_back("timeout: a run ends after " + format_duration(job.timeout));
  if (job.pause_after > 0)
    told.push_back("pause_after: it is paused after " + std::to_string(job.pause_after) +
                   " failures one after the other");
  return told;
}

} // namespace

std::string_view job_state(const kept_job& which) {
  return !which.unreadable.empty() ? "unreadable" : which.paused ? "paused" : "active";
}

json job_row(const kept_job& which, instant now) {
  const job_definition& job = *which.definition;
  json row{{"job", job.name},
           {"schedule", schedule_text(job)},
           {"zone", job.zone},
           {"owner", to_text(which.owner)},
           {"state", job_state(which)},
           {"agent", job.agent.empty() ? json(nullptr) : json(job.agent)},
           {"type", job.type},
           {"running", which.running.size()},
           {"waiting", which.queue.size()},
           {"failures", which.failures}};
  if (which.schedule && which.unreadable.empty()) {
    const auto next = which.schedule->next(std::max(which.through, now - which.offset()));
    row["next"] = next ? json(format_rfc3339(*next)) : json(nullptr);
    row["next_local"] = next ? json(local_text(*next, which.schedule->zone())) : json(nullptr);
  } else {
    row["next"] = row["next_local"] = nullptr;
  }
  return row;
}

json job_page(const kept_job& which, instant now) {
  json page = job_row(which, now);
  page["definition"] = kept_words(which);
  page["revision"] = which.revision;
  page["created"] = format_rfc3339(which.created);
  page["next"] = next_instants(which, job_instants_shown, now);
  page["policies"] = policies_of(which);
  page["changes"] = json::array();
  for (const job_change& each : which.changes)
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
  if (which.offset() > duration{0})
    page["jitter"] = format_duration(which.offset());
  return page;
}

json next_instants(const kept_job& which, std::size_t count, instant now) {
  json found = json::array();
  if (!which.schedule || !which.unreadable.empty())
    return found;
  auto due = which.schedule->next(std::max(which.through, now - which.offset()));
  for (; due && found.size() < count; due = which.schedule->next(*due))
    found.push_back(instant_view(*due, which.schedule->zone()));
  return found;
}

// ---- records ------------------------------------------------------------------------------------

json record_view(const kept_job& which, const job_record& record, const run_events& events,
                 const zone_rules& zone) {
  json view{{"verdict", to_text(record.kind)},          {"from", format_rfc3339(record.from)},
            {"to", format_rfc3339(record.to)},          {"local", local_text(record.from, zone)},
            {"local_to", local_text(record.to, zone)},  {"count", record.count},
            {"decided", format_rfc3339(record.decided)}};
  if (!record.why.empty())
    view["why"] = record.why;
  if (!record.has_run()) {
    if (!is_due_record(record.kind))
      view["state"] = to_text(record_kind::skipped); // asked for, and left out
    return view;
  }
  view["late_ms"] = std::chrono::duration_cast<std::chrono::milliseconds>(
                        record.decided - record.from -
                        (is_due_record(record.kind) ? which.offset() : duration{0}))
                        .count();
  view["id"] = record.id;
  if (const auto event = events.find(record.id); event != events.end()) {
    view["event"] = to_string(event->second.first);
    view["state"] = to_string(event->second.second);
  }
  return view;
}

} // namespace skein
