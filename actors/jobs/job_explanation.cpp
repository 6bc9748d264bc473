#include "actors/jobs/job_explanation.hpp"

#include "protocol/limits.hpp"

#include <algorithm>

namespace skein {

using nlohmann::json;

namespace {

using lines = std::vector<std::string>;

/// For people: the two largest units, "118d1h"; below ten seconds exact to the millisecond.
std::string rough_text(duration span) {
  using namespace std::chrono;
  if (span < seconds{10})
    return format_duration(floor<milliseconds>(span));
  const auto unit = span >= hours{24}  ? duration{hours{1}}
                    : span >= hours{1} ? duration{minutes{1}}
                                       : duration{seconds{1}};
  const duration rounded = span - span % unit;
  const auto whole_days = duration_cast<hours>(rounded).count() / 24;
  if (whole_days == 0)
    return format_duration(rounded);
  const duration rest = rounded - hours{24 * whole_days};
  return std::to_string(whole_days) + "d" + (rest > duration{0} ? format_duration(rest) : "");
}

std::string run_text(const job_evidence& from, const job_record& record) {
  const auto event = from.events.find(record.id);
  if (event == from.events.end())
    return "event " + record.id;
  return "event " + to_string(event->second.first) + ", which is " +
         std::string{to_string(event->second.second)};
}

/// Of a due instant.
std::string record_text(const job_evidence& from, const job_record& record, const std::string& at) {
  const std::string late = rough_text(record.decided - record.from - from.which.offset());
  switch (record.kind) {
    case record_kind::fired:
      return "It ran for " + at + ", " + late + " late, as " + run_text(from, record) + ".";
    case record_kind::caught_up:
      return "It was missed at " + at + " and ran " + late + " late, as " + run_text(from, record) +
             " (misfire = " + std::string{to_text(from.which.definition->misfire)} + ").";
    case record_kind::merged:
      return "It did not run for " + at + " of its own: " + record.why + " (" +
             std::to_string(record.count) + " instants).";
    default:
      return "It did not run for " + at + ": " + record.why +
             (record.count > 1 ? " (" + std::to_string(record.count) + " instants, from " +
                                     local_text(record.from, from.zone) + " to " +
                                     local_text(record.to, from.zone) + ")."
                               : ".");
  }
}

/// Of a run that people asked for.
std::string by_hand_text(const job_evidence& from, const job_record& record) {
  const std::string asked =
      record.kind == record_kind::triggered ? "It was triggered at " : "It was backfilled for ";
  const std::string by = local_text(record.from, from.zone) + ", asked for by " + record.why;
  return asked + by + (record.has_run() ? ", and ran as " + run_text(from, record) : "") + ".";
}

const job_record* record_of(const job_evidence& from, instant due) {
  for (const job_record& each : from.records)
    if (is_due_record(each.kind) && each.from <= due && due <= each.to)
      return &each;
  return nullptr;
}

std::string due_text(const job_evidence& from, instant due) {
  const kept_job& which = from.which;
  const std::string at = local_text(due, from.zone);
  const duration jitter = which.offset();
  const instant fires = due + jitter;
  if (due <= which.created)
    return "At " + at + " there was no such job yet: it was created at " +
           local_text(which.created, from.zone) + ".";
  if (fires > from.now)
    return "It is due at " + at +
           (jitter > duration{0} ? " and runs " + rough_text(jitter) + " behind that (jitter)"
                                 : "") +
           ", in " + rough_text(fires - from.now) +
           (which.paused ? "; it will be left out if the job is still paused then." : ".");
  for (const waiting_run& each : which.queue)
    if (each.due == due && is_due_record(each.kind))
      return "The instant " + at + " waits until the run before has ended.";
  if (due > which.through)
    return which.paused ? "The instant " + at + " is left out: the job is paused by " +
                              which.paused->by + "."
                        : "The instant " + at + " is being decided right now.";
  if (const job_record* const record = record_of(from, due))
    return record_text(from, *record, at);
  return "What became of " + at + " is not known any more: the newest " +
         std::to_string(limits::job_records_max) + " records of a job are kept.";
}

std::string not_due_text(const job_evidence& from, instant asked, std::optional<instant> before) {
  const auto behind = from.which.schedule->next(asked);
  std::string text = asked > from.now ? "It will not be due at " : "It was not due at ";
  text += local_text(asked, from.zone);
  if (before && behind)
    return text + ": its instants around that are " + local_text(*before, from.zone) + " and " +
           local_text(*behind, from.zone) + ".";
  if (behind)
    return text + ": its first instant is " + local_text(*behind, from.zone) + ".";
  return before ? text + ": its last instant was " + local_text(*before, from.zone) + "."
                : text + ".";
}

/// One that comes after others, or whose schedule cannot be read: what the ledger has.
void explain_by_ledger(const job_evidence& from, instant asked, lines& words) {
  const job_record* newest = nullptr;
  for (const job_record& each : from.records)
    if (is_due_record(each.kind) && each.from <= asked + std::chrono::seconds{1} &&
        (newest == nullptr || newest->from < each.from))
      newest = &each;
  if (after_of(*from.which.definition) != nullptr)
    words.push_back("It has no instants of its own: it runs " +
                    schedule_text(*from.which.definition) + ".");
  for (const auto& [upstream, ends] : from.which.inputs)
    if (!ends.empty())
      words.push_back("The run of " + upstream + " of " + local_text(ends.front().due, from.zone) +
                      " has ended, and waits for the other jobs before this one.");
  for (const waiting_run& each : from.which.queue)
    if (is_due_record(each.kind))
      words.push_back("The instant " + local_text(each.due, from.zone) +
                      " waits until the run before has ended.");
  const auto is_asked = [&](const job_record& each) {
    return !is_due_record(each.kind) && is_same_second(each.from, asked);
  };
  if (newest == nullptr && std::any_of(from.records.begin(), from.records.end(), is_asked))
    return; // which is told by itself
  if (newest == nullptr) {
    words.push_back("Until " + local_text(asked, from.zone) + " its ledger has nothing of it.");
    return;
  }
  const bool is_it = is_same_second(newest->from, asked) || asked <= newest->to;
  words.push_back((is_it ? "" : "The newest before " + local_text(asked, from.zone) + ": ") +
                  record_text(from, *newest, local_text(newest->from, from.zone)));
}

} // namespace

json explain_job(const job_evidence& from, instant asked) {
  const kept_job& which = from.which;
  lines words;
  json body{{"job", which.name()}, {"at", local_text(asked, from.zone)}};
  if (!which.can_run())
    words.push_back("It cannot run now: " + which.unreadable + ".");
  if (which.paused && which.paused->at <= asked)
    words.push_back("It is paused since " + local_text(which.paused->at, from.zone) + " by " +
                    which.paused->by +
                    (which.paused->why.empty() ? "." : ": " + which.paused->why + "."));
  std::optional<instant> due;
  if (which.schedule) {
    due = due_until(*which.schedule, asked);
    if (due != asked)
      words.push_back(not_due_text(from, asked, due));
    if (due) {
      body["due"] = local_text(*due, from.zone);
      words.push_back(due_text(from, *due));
      if (const std::string remark = clock_remark(*due, from.zone); !remark.empty())
        words.push_back("Near it " + remark + ".");
    }
  } else {
    explain_by_ledger(from, asked, words);
  }
  for (const waiting_run& each : which.queue)
    if (!is_due_record(each.kind) && (is_same_second(each.due, asked) || each.due == due))
      words.push_back("A run for " + local_text(each.due, from.zone) + ", asked for by " + each.by +
                      ", waits until the run before has ended.");
  for (const job_record& each : from.records) {
    const bool is_near = is_same_second(each.from, asked) || each.from == due;
    if (!is_due_record(each.kind) && is_near)
      words.push_back(by_hand_text(from, each));
    if (is_near || (due && each.from <= *due && *due <= each.to))
      body["records"].push_back(record_view(which, each, from.events, from.zone));
  }
  body["explanation"] = words;
  return body;
}

} // namespace skein
