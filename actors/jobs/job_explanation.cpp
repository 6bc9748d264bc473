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

/// What a run that waits is told of.
std::string wait_text(const kept_job& which) {
  return which.paused ? "waits until the job is resumed." : "waits until the run before has ended.";
}

/// Whether a run came after one that people asked for of a job before; its record says so.
bool comes_after_one_by_hand(const kept_job& which, const job_record& record) {
  const after_schedule* const after = after_of(*which.definition);
  return after != nullptr &&
         std::any_of(after->jobs.begin(), after->jobs.end(), [&](const auto& up) {
           return record.why.starts_with(up.job + " was " + std::string{to_text(record.kind)});
         });
}

/// Of a run that people asked for, of this job or of one before it.
std::string by_hand_text(const job_evidence& from, const job_record& record) {
  if (comes_after_one_by_hand(from.which, record))
    return record.has_run() ? "It ran for " + local_text(record.from, from.zone) + ", because " +
                                  record.why + ", as " + run_text(from, record) + "."
                            : "It did not run for " + local_text(record.from, from.zone) + ": " +
                                  record.why + ".";
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
      return "The instant " + at + " " + wait_text(which);
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

/// What waits of one that comes after others, or whose schedule cannot be read.
void explain_waiting(const job_evidence& from, lines& words) {
  if (after_of(*from.which.definition) != nullptr)
    words.push_back("It has no instants of its own: it runs " +
                    schedule_text(*from.which.definition) + ".");
  for (const auto& [upstream, ends] : from.which.inputs)
    if (!ends.empty())
      words.push_back("The run of " + upstream + " of " + local_text(ends.front().due, from.zone) +
                      " has ended, and waits for the other jobs before this one.");
  for (const waiting_run& each : from.which.queue)
    if (is_due_record(each.kind))
      words.push_back("The instant " + local_text(each.due, from.zone) + " " +
                      wait_text(from.which));
}

/// Where no schedule says what was due: what the ledger has of that time, or of the time before.
/// The record that is told.
const job_record* explain_by_ledger(const job_evidence& from, instant asked, lines& words) {
  const job_record* newest = nullptr;
  for (const job_record& each : from.records)
    if (is_due_record(each.kind) && each.from <= asked + std::chrono::seconds{1} &&
        (newest == nullptr || newest->from < each.from))
      newest = &each;
  const auto is_asked = [&](const job_record& each) {
    return !is_due_record(each.kind) && is_same_second(each.from, asked);
  };
  if (newest == nullptr && std::any_of(from.records.begin(), from.records.end(), is_asked))
    return nullptr; // which is told by itself
  if (newest == nullptr) {
    words.push_back("Its ledger has no record of " + local_text(asked, from.zone) + " or before.");
    return nullptr;
  }
  const bool is_it = is_same_second(newest->from, asked) || asked <= newest->to;
  words.push_back((is_it ? "" : "The newest before " + local_text(asked, from.zone) + ": ") +
                  record_text(from, *newest, local_text(newest->from, from.zone)));
  return newest;
}

/// No instant of the definition that it has now.
void explain_edit(const job_evidence& from, instant asked, const job_change& edit, lines& words) {
  if (asked > edit.at && from.which.schedule)
    words.push_back(not_due_text(from, asked, std::nullopt));
  words.push_back("It was edited at " + local_text(edit.at, from.zone) + " by " + edit.by +
                  ", and had another definition until then.");
}

/// Its schedule knows of it.
void explain_by_schedule(const job_evidence& from, instant asked, std::optional<instant> due,
                         json& body, lines& words) {
  if (due != asked)
    words.push_back(not_due_text(from, asked, due));
  if (!due)
    return;
  body["due"] = local_text(*due, from.zone);
  words.push_back(due_text(from, *due));
  if (const std::string remark = clock_remark(*due, from.zone); !remark.empty())
    words.push_back("Near it " + remark + ".");
}

const job_change* newest_edit(const kept_job& which) {
  const auto found = std::find_if(which.changes.rbegin(), which.changes.rend(),
                                  [](const job_change& each) { return each.what == "edited"; });
  return found == which.changes.rend() ? nullptr : &*found;
}

} // namespace

std::optional<instant> explained_instant(const kept_job& which, instant asked) {
  if (!which.schedule)
    return std::nullopt;
  const auto due = which.schedule->newest_until(asked);
  const job_change* const edit = newest_edit(which);
  return edit != nullptr && due && *due + which.offset() <= edit->at ? std::nullopt : due;
}

json explain_job(const job_evidence& from, instant asked) {
  const kept_job& which = from.which;
  lines words;
  json body{{"job", which.name()}, {"at", local_text(asked, from.zone)}};
  if (!which.can_run())
    words.push_back("It cannot run now: " + which.unreadable + "." +
                    (which.stood
                         ? " What is due since " + local_text(which.stood->since, from.zone) +
                               " is decided when it can run again, as its misfire says."
                         : ""));
  if (which.paused && which.paused->at <= asked)
    words.push_back("It is paused since " + local_text(which.paused->at, from.zone) + " by " +
                    which.paused->by +
                    (which.paused->why.empty() ? "." : ": " + which.paused->why + "."));
  const std::optional<instant> due = explained_instant(which, asked);
  const job_change* const edit = newest_edit(which);
  const job_record* told = nullptr;
  if (which.schedule && (due || edit == nullptr)) {
    explain_by_schedule(from, asked, due, body, words);
  } else {
    if (edit != nullptr && (which.schedule || asked <= edit->at))
      explain_edit(from, asked, *edit, words);
    if (edit == nullptr || asked > edit->at)
      explain_waiting(from, words);
    told = explain_by_ledger(from, asked, words);
  }
  for (const waiting_run& each : which.queue)
    if (!is_due_record(each.kind) && (is_same_second(each.due, asked) || each.due == due))
      words.push_back("A run for " + local_text(each.due, from.zone) + ", asked for by " + each.by +
                      ", " + wait_text(which));
  const instant about = due.value_or(asked);
  for (const job_record& each : from.records) {
    const bool is_near = is_same_second(each.from, asked) || each.from == due;
    if (!is_due_record(each.kind) && is_near)
      words.push_back(by_hand_text(from, each));
    if (is_near || &each == told || (each.from <= about && about <= each.to))
      body["records"].push_back(record_view(which, each, from.events, from.zone));
  }
  body["explanation"] = words;
  return body;
}

} // namespace skein
