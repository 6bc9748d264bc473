// Jobs that come after others. A run of each upstream is needed for one of theirs:
//   - if all upstreams go back to one and the same job, the runs of one instant belong together,
//   and
//     the run they lead to has that instant
//   - else the next run of each, in the order in which they end
#include "actors/jobs/job_core.hpp"

#include "protocol/raw_json.hpp"

#include <algorithm>
#include <functional>

namespace skein {

using nlohmann::json;

namespace {

bool is_wanted(after_schedule::result wanted, bool succeeded) {
  return wanted == after_schedule::result::any ||
         succeeded == (wanted == after_schedule::result::success);
}

} // namespace

void job_core::tell_downstream(const std::string& ended, const upstream_end& end) {
  for (const std::string& name : graph_.behind(ended)) {
    kept_job& each = jobs_.at(name);
    if (!each.unreadable.empty())
      continue;
    begin(each);
    take_end(each, ended, end);
    try_chain(each);
  }
}

/// What waits for the other jobs before it is bounded: replies go first, then the oldest ends.
void job_core::take_end(kept_job& which, const std::string& upstream, upstream_end end) {
  if (which.waiting_bytes() + end.reply.size() > limits::job_waiting_replies_max &&
      !end.reply.empty()) {
    end.reply.clear();
    end.reply_is_omitted = true;
  }
  auto& ends = which.inputs[upstream];
  ends.push_back(std::move(end));
  while (!ends.empty() && (ends.size() > limits::job_queue_max ||
                           which.waiting_bytes() > limits::job_waiting_bytes_max)) {
    const instant due = ends.front().due;
    if (due > which.through || !graph_.meets_by_instant(which.name()))
      skip(which, due,
           "too many runs of " + upstream + " were waiting for the other jobs before it");
    which.through = std::max(which.through, due);
    ends.pop_front();
  }
}

/// Runs for as long as there is an end of every upstream.
void job_core::try_chain(kept_job& which) {
  const after_schedule& after = *after_of(*which.definition);
  const bool by_instant = graph_.meets_by_instant(which.name());
  const auto is_here = [&](const auto& up) { return !which.inputs[up.job].empty(); };
  while (std::all_of(after.jobs.begin(), after.jobs.end(), is_here)) {
    if (by_instant) {
      skip_alone(which);
      if (!std::all_of(after.jobs.begin(), after.jobs.end(), is_here))
        return;
    }
    std::vector<upstream_end> ends;
    for (const auto& up : after.jobs) {
      ends.push_back(std::move(which.inputs[up.job].front()));
      which.inputs[up.job].pop_front();
    }
    run_chain(which, std::move(ends));
  }
}

/// An upstream that has gone on to a later instant will not come back to an older one: what the
/// others have of that one waits in vain. Until all are at one instant, or one of them has nothing.
void job_core::skip_alone(kept_job& which) {
  const after_schedule& after = *after_of(*which.definition);
  std::set<instant> alone;
  for (instant newest = instant::min();;) {
    bool is_one = true, is_here = true;
    for (const auto& up : after.jobs) {
      auto& ends = which.inputs[up.job];
      while (!ends.empty() && ends.front().due < newest) {
        alone.insert(ends.front().due);
        ends.pop_front();
      }
      is_here &= !ends.empty();
      if (ends.empty() || ends.front().due == newest)
        continue;
      is_one = false;
      newest = ends.front().due;
    }
    if (is_one || !is_here)
      break;
  }
  for (const instant due : alone) {
    if (due <= which.through)
      continue; // it has its record: another upstream waited for it, and gave up
    which.through = due;
    skip(which, due, "not all of the jobs before it had a run for this instant");
  }
}

void job_core::run_chain(kept_job& which, std::vector<upstream_end> ends) {
  const after_schedule& after = *after_of(*which.definition);
  instant due = instant::min();
  json handed = json::object();
  std::string unmet;
  for (std::size_t i = 0; i < ends.size(); ++i) {
    const auto& up = after.jobs[i];
    due = std::max(due, ends[i].due);
    handed[up.job] = {{"id", ends[i].id},
                      {"source", job_source(up.job)},
                      {"due", format_rfc3339(ends[i].due)},
                      {"succeeded", ends[i].succeeded}};
    if (!ends[i].reply.empty())
      handed[up.job]["reply"] = raw_json<json>(ends[i].reply);
    else if (ends[i].reply_is_omitted)
      handed[up.job]["reply_omitted"] = true;
    if (!is_wanted(up.wanted, ends[i].succeeded))
      unmet += (unmet.empty() ? "" : ", ") + up.job +
               (ends[i].succeeded ? " succeeded" : " failed") + " (wanted " +
               std::string{to_text(up.wanted)} + ")";
  }
  which.through = std::max(which.through, due);
  if (!unmet.empty())
    return skip(which, due, std::move(unmet));
  if (which.paused)
    return skip(which, due, "paused by " + which.paused->by);
  want_run(which, {record_kind::fired, due, {}, write_json(handed)});
}

} // namespace skein
