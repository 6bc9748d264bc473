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

const after_schedule* after_of(const job_definition& definition) {
  return std::get_if<after_schedule>(&definition.schedule);
}

bool is_wanted(after_schedule::result wanted, bool succeeded) {
  return wanted == after_schedule::result::any ||
         succeeded == (wanted == after_schedule::result::success);
}

} // namespace

void job_core::tell_downstream(const kept_job& ended, const upstream_end& end) {
  for (auto& [name, each] : jobs_) {
    const after_schedule* after = after_of(each.definition);
    if (after == nullptr || !each.unreadable.empty())
      continue;
    const auto is_it = [&](const auto& up) { return up.job == ended.definition.name; };
    if (std::none_of(after->jobs.begin(), after->jobs.end(), is_it))
      continue;
    begin(each);
    auto& ends = each.inputs[ended.definition.name];
    ends.push_back(end);
    if (ends.size() > limits::job_queue_max)
      ends.pop_front();
    try_chain(each);
  }
}

/// Runs for as long as there is an end of every upstream.
void job_core::try_chain(kept_job& which) {
  const after_schedule& after = *after_of(which.definition);
  const bool by_instant = meets_by_instant(which);
  const auto is_here = [&](const auto& up) { return !which.inputs[up.job].empty(); };
  while (std::all_of(after.jobs.begin(), after.jobs.end(), is_here)) {
    if (by_instant) {
      // An upstream that has gone on to a later instant will not come back to an older one.
      instant newest = instant::min();
      for (const auto& up : after.jobs)
        newest = std::max(newest, which.inputs[up.job].front().due);
      std::optional<instant> alone;
      for (const auto& up : after.jobs)
        if (auto& ends = which.inputs[up.job]; ends.front().due < newest) {
          alone = ends.front().due;
          ends.pop_front();
        }
      if (alone) {
        skip(which, *alone, "not all of the jobs before it had a run for this instant");
        continue;
      }
    }
    std::vector<upstream_end> ends;
    for (const auto& up : after.jobs) {
      ends.push_back(std::move(which.inputs[up.job].front()));
      which.inputs[up.job].pop_front();
    }
    run_chain(which, ends);
  }
}

void job_core::run_chain(kept_job& which, const std::vector<upstream_end>& ends) {
  const after_schedule& after = *after_of(which.definition);
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
  json data{{"after", std::move(handed)}};
  const job_definition& job = which.definition;
  if (!job.data.empty())
    data["data"] = job.data_is_text ? json(job.data) : raw_json<json>(job.data);
  want_run(which, {record_kind::fired, due, {}, write_json(data)});
}

bool job_core::meets_by_instant(const kept_job& which) const {
  std::set<std::string> common;
  for (const auto& up : after_of(which.definition)->jobs) {
    auto roots = roots_of(up.job);
    if (roots.size() != 1)
      return false;
    common.merge(roots);
  }
  return common.size() == 1;
}

/// The jobs with a schedule of their own that this one goes back to.
std::set<std::string> job_core::roots_of(const std::string& name) const {
  std::set<std::string> roots, seen;
  std::vector<std::string> next{name};
  while (!next.empty()) {
    const std::string each = std::move(next.back());
    next.pop_back();
    if (!seen.insert(each).second)
      continue;
    const auto found = jobs_.find(each);
    const after_schedule* after =
        found == jobs_.end() ? nullptr : after_of(found->second.definition);
    if (after == nullptr)
      roots.insert(each);
    else
      for (const auto& up : after->jobs)
        next.push_back(up.job);
  }
  return roots;
}

/// Every upstream must be there, and none may come after the job itself.
result<void> job_core::check_chain(const job_definition& definition) const {
  const after_schedule* after = after_of(definition);
  if (after == nullptr)
    return {};
  for (const auto& up : after->jobs)
    if (up.job != definition.name && !jobs_.contains(up.job))
      return error{errc::invalid_argument, "after: there is no job " + up.job};
  if (const std::string cycle = cycle_through(definition); !cycle.empty())
    return error{errc::invalid_argument, "after: it would come after itself: " + cycle};
  return {};
}

/// "a -> b -> a", or empty.
std::string job_core::cycle_through(const job_definition& definition) const {
  std::vector<std::string> path{definition.name};
  std::set<std::string> seen;
  const std::function<bool(const job_definition&)> walk = [&](const job_definition& at) {
    const after_schedule* after = after_of(at);
    if (after == nullptr)
      return false;
    for (const auto& up : after->jobs) {
      path.push_back(up.job);
      if (up.job == definition.name)
        return true;
      const auto found = jobs_.find(up.job);
      if (found != jobs_.end() && seen.insert(up.job).second && walk(found->second.definition))
        return true;
      path.pop_back();
    }
    return false;
  };
  if (!walk(definition))
    return {};
  std::string text;
  for (auto each = path.rbegin(); each != path.rend(); ++each)
    text += (text.empty() ? "" : " -> ") + *each;
  return text;
}

} // namespace skein
