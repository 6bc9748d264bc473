// Promise 7: each instant of a schedule is in exactly one record.
#include "tests/sim/checker_model.hpp"

#include <algorithm>

namespace skein::test {

namespace {

std::string label(const std::string& job, const job_record& record) {
  return "job " + job + ": " + std::string{to_text(record.kind)} + " " +
         format_rfc3339(record.from) + " to " + format_rfc3339(record.to);
}

} // namespace

void checker::on(const jobs_kept& what) {
  for (const auto& [job, paused] : what.paused)
    paused_[job] = paused;
  for (const std::string& job : what.idle)
    if (!paused_[job])
      break_rule("schedule", "job " + job + ": a run waits while none goes on");
  std::size_t runs = 0;
  for (const auto& [job, record] : what.records) {
    runs += record.has_run() ? 1u : 0u;
    if (!is_due_record(record.kind))
      continue;
    if (record.to > what.at)
      break_rule("schedule", label(job, record) + " was decided before its time");
    cover(job, record);
  }
  if (runs != what.events)
    break_rule("schedule", std::to_string(runs) + " runs were written down with " +
                               std::to_string(what.events) + " events");
}

void checker::cover(const std::string& job, const job_record& record) {
  const auto known = of_.settings.jobs.find(job);
  if (known == of_.settings.jobs.end())
    return break_rule("schedule", label(job, record) + ", and there is no such job");
  if (!known->second.after.empty())
    return cover_of_chain(job, record);
  const duration period = known->second.period;
  if ((record.from - instant{}) % period != duration{0} ||
      record.to - record.from != period * static_cast<std::int64_t>(record.count - 1))
    break_rule("schedule", label(job, record) + " has other instants than are due");
  auto& all = covered_[job];
  const auto behind = all.lower_bound(record.from);
  const bool meets_behind = behind != all.end() && behind->first <= record.to;
  const bool meets_before = behind != all.begin() && std::prev(behind)->second.to >= record.from;
  if (meets_behind || meets_before)
    break_rule("schedule", label(job, record) + " is in another record already");
  all.emplace(record.from, record);
}

/// Its instants come in any order, each once.
void checker::cover_of_chain(const std::string& job, const job_record& record) {
  if (record.count != 1 || record.from != record.to)
    break_rule("schedule", label(job, record) + " has several instants of a chain");
  if (!covered_[job].emplace(record.from, record).second)
    break_rule("schedule", label(job, record) + " is in another record already");
}

/// An instant begins with the end of a run of the job in front; from then on each job of the chain
/// has a record of it, or waits with it, as soon as all jobs before it have told.
void checker::follows(const job_stands& what) {
  const auto& after = of_.settings.jobs.at(what.job).after;
  const std::set<instant> running{what.running.begin(), what.running.end()};
  auto& told = told_[what.job];
  for (const auto& [due, record] : covered_[what.job]) {
    const bool waits = std::find(what.queued.begin(), what.queued.end(), due) != what.queued.end();
    const bool is_over = record.has_run() ? !running.contains(due) : !after.empty();
    if (is_over && !waits)
      told.insert(due);
    const auto knows = [&](const std::string& up) { return told_[up].contains(due); };
    if (!std::all_of(after.begin(), after.end(), knows))
      break_rule("schedule", label(what.job, record) + " is of no run before it");
  }
  if (after.empty())
    return;
  for (const instant due : told_[after.front()]) {
    const auto knows = [&](const std::string& up) { return told_[up].contains(due); };
    if (std::all_of(after.begin(), after.end(), knows) && !covered_[what.job].contains(due))
      break_rule("schedule",
                 "job " + what.job + ": " + format_rfc3339(due) + " of a chain is in no record");
  }
}

/// No instant was left out, and there is a verdict for all that are over.
void checker::on(const job_stands& what) {
  if (what.open && is_due_record(what.open->kind))
    cover(what.job, *what.open);
  for (const instant each : what.queued)
    cover(what.job, {record_kind::fired, each, each, 1, each, {}, {}});
  follows(what); // those in front have come before
  if (!what.running.empty())
    break_rule("schedule", "job " + what.job + ": the end of a run was not seen", breach::liveness);
  if (!what.queued.empty() && !what.paused)
    break_rule("schedule", "job " + what.job + ": a run waits for nothing", breach::liveness);
  const auto& settings = of_.settings.jobs.at(what.job);
  if (!settings.after.empty())
    return;
  const auto first_behind = [&](instant at) {
    const auto period = settings.period.count();
    return from_ns((to_ns(at) / period + 1) * period);
  };
  instant next = first_behind(what.created);
  for (const auto& [from, record] : covered_[what.job]) {
    if (from != next)
      break_rule("schedule", "job " + what.job + ": " + format_rfc3339(next) + " is in no record");
    next = record.to + settings.period;
  }
  if (what.paused || of_.settings.window_fills)
    return; // what is due meanwhile is written down when that is over
  const instant over =
      std::min(now_.wall - settings.period - std::chrono::seconds{2}, settings.end);
  if (next < over)
    break_rule("schedule", "job " + what.job + ": " + format_rfc3339(next) + " has no verdict",
               breach::liveness);
}

} // namespace skein::test
