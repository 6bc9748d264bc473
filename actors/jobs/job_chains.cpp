// Jobs that come after others. A run of each upstream is needed for one of theirs:
//   - if all upstreams go back to one and the same job, the runs of one instant belong together,
//     and the run they lead to has that instant
//   - else the next run of each, in the order in which they end
// An instant of a chain begins when a run of a job with a schedule ends; from then on each job of
// the chain runs for it or has a record that says why not.
#include "actors/jobs/job_core.hpp"

#include "protocol/raw_json.hpp"

#include <algorithm>
#include <functional>

namespace skein {

using nlohmann::json;

namespace {

/// Of an event, beyond its data: the id is longer than the one that it is measured with.
constexpr std::size_t event_margin_bytes = 256;

bool is_wanted(after_schedule::result wanted, const upstream_end& end) {
  switch (wanted) {
    case after_schedule::result::success:
      return end.succeeded;
    case after_schedule::result::failure:
      return !end.succeeded && !end.was_left_out();
    case after_schedule::result::any:
      return true;
  }
  return false;
}

std::string became(const upstream_end& end) {
  return end.was_left_out() ? " was left out" : end.succeeded ? " succeeded" : " failed";
}

/// Whether two runs, or their ends, are about one instant: what was asked for by hand goes with
/// what was asked for by hand.
template <class One>
bool is_like(const One& one, const upstream_end& other) {
  return one.due == other.due && is_due_record(one.kind) == is_due_record(other.kind);
}

const upstream_end* find_like(const std::deque<upstream_end>& ends, const upstream_end& like) {
  const auto found = std::find_if(ends.begin(), ends.end(),
                                  [&](const upstream_end& each) { return is_like(each, like); });
  return found == ends.end() ? nullptr : &*found;
}

/// What it has of an upstream about that instant, waiting for the others.
const upstream_end* waits_of(const kept_job& which, const std::string& upstream,
                             const upstream_end& like) {
  const auto found = which.inputs.find(upstream);
  return found == which.inputs.end() ? nullptr : find_like(found->second, like);
}

std::optional<upstream_end> take_like(std::deque<upstream_end>& ends, const upstream_end& like) {
  const auto found = std::find_if(ends.begin(), ends.end(),
                                  [&](const upstream_end& each) { return is_like(each, like); });
  if (found == ends.end())
    return std::nullopt;
  upstream_end taken = std::move(*found);
  ends.erase(found);
  return taken;
}

/// The run that an end would have led to.
waiting_run unrun(const upstream_end& end, const std::string& upstream) {
  if (is_due_record(end.kind))
    return {record_kind::fired, end.due};
  return {end.kind, end.due, upstream + " was " + std::string{to_text(end.kind)}};
}

/// Without the reply, for which there may be no room.
json handed_on(const std::string& upstream, const upstream_end& end) {
  json handed{{"source", job_source(upstream)},
              {"due", format_rfc3339(end.due)},
              {"succeeded", end.succeeded}};
  if (end.was_left_out())
    handed["left_out"] = true;
  else
    handed["id"] = end.id;
  if (!end.reply.empty() || end.reply_is_omitted)
    handed["reply_omitted"] = true;
  return handed;
}

} // namespace

/// They act on it when all that this commit decides is known: a run that is about to begin is in no
/// list for a moment, and would seem never to come.
void job_core::tell_downstream(const std::string& ended, const upstream_end& end) {
  for (const std::string& name : graph_.behind(ended)) {
    kept_job& each = jobs_.at(name);
    if (!concerns(each, ended, end))
      continue;
    begin(each);
    each.inputs[ended].push_back(end);
    chains_to_try_.insert(name);
  }
}

/// Not what began before it came after that job, unless it waits for this instant of another one;
/// and nothing goes round in a circle: what comes into one from outside waits until it is open.
bool job_core::concerns(const kept_job& which, const std::string& upstream,
                        const upstream_end& end) const {
  if (!which.can_run() && graph_.comes_after(upstream, which.name()))
    return false;
  const auto began_before = [&](const std::string& up) {
    const auto from = which.counts_from.find(up);
    return from != which.counts_from.end() && end.due <= from->second;
  };
  if (!began_before(upstream) || !is_due_record(end.kind))
    return true;
  const auto& before = graph_.before(which.name());
  return std::any_of(before.begin(), before.end(), [&](const std::string& up) {
    return !began_before(up) && (waits_of(which, up, end) != nullptr || may_still_end(up, end));
  });
}

void job_core::try_chains() {
  while (!chains_to_try_.empty()) {
    const std::string name = chains_to_try_.extract(chains_to_try_.begin()).value();
    kept_job* const which = find(name);
    if (which == nullptr || after_of(*which->definition) == nullptr)
      continue;
    if (which->can_run()) // else it waits until it can
      try_chain(*which);
    bound_inputs(*which);
  }
}

/// What waits for the other jobs before it is bounded: replies go first, then the oldest ends.
/// Those that come together at once wait for nothing, and have been taken out.
void job_core::bound_inputs(kept_job& which) {
  for (auto& [upstream, ends] : which.inputs) {
    for (std::size_t i = ends.size();
         i-- > 0 && which.waiting_bytes() > limits::job_waiting_replies_max;) {
      ends[i].reply_is_omitted = ends[i].reply_is_omitted || !ends[i].reply.empty();
      ends[i].reply.clear();
    }
    while (!ends.empty() && (ends.size() > limits::job_queue_max ||
                             which.waiting_bytes() > limits::job_waiting_bytes_max)) {
      const upstream_end oldest = std::move(ends.front());
      ends.pop_front();
      const std::string why =
          "too many runs of " + upstream + " were waiting for the other jobs before it";
      if (graph_.meets_by_instant(which.name()))
        forget_end(which, oldest, upstream, why);
      else
        leave_out(which, unrun(oldest, upstream), why); // each leads to a run of its own
    }
  }
}

/// One that was taken out of what waits. If others wait for the same instant, or still come to it,
/// what becomes of that is theirs to say.
void job_core::forget_end(kept_job& which, const upstream_end& end, const std::string& upstream,
                          const std::string& why) {
  const auto is_elsewhere = [&](const std::string& up) {
    return waits_of(which, up, end) != nullptr || (up != upstream && may_still_end(up, end));
  };
  const auto& before = graph_.before(which.name());
  if (std::none_of(before.begin(), before.end(), is_elsewhere))
    leave_out(which, unrun(end, upstream), why);
}

/// After an edit: what has ended of jobs that it no longer comes after; and what began by now
/// counts for it only with the jobs that it came after already.
void job_core::forget_ends(kept_job& which, const std::vector<std::string>& before) {
  const auto& now = graph_.before(which.name());
  const auto has = [](const std::vector<std::string>& all, const std::string& name) {
    return std::find(all.begin(), all.end(), name) != all.end();
  };
  for (const std::string& each : now)
    if (!has(before, each))
      which.counts_from[each] = which.through;
  std::erase_if(which.counts_from, [&](const auto& each) { return !has(now, each.first); });
  std::map<std::string, std::deque<upstream_end>> gone;
  for (const std::string& each : before)
    if (auto found =
            has(now, each) ? decltype(which.inputs)::node_type{} : which.inputs.extract(each);
        found)
      gone.insert(std::move(found));
  for (const auto& [upstream, ends] : gone)
    for (const upstream_end& each : ends) {
      forget_end(which, each, upstream, "it does not come after " + upstream + " any more");
      if (now.empty()) // those behind it still wait for that instant
        tell_downstream(which.name(), {each.due, false, {}, {}, false, each.kind});
    }
  chains_to_try_.insert(which.name());
}

/// Runs for as long as there is an end of every upstream.
void job_core::try_chain(kept_job& which) {
  if (graph_.meets_by_instant(which.name())) {
    run_by_instant(which);
    return give_up(which);
  }
  const auto& before = after_of(*which.definition)->jobs;
  const auto is_here = [&](const auto& up) { return !which.inputs[up.job].empty(); };
  while (std::all_of(before.begin(), before.end(), is_here)) {
    std::vector<upstream_end> ends;
    for (const auto& up : before) {
      ends.push_back(std::move(which.inputs[up.job].front()));
      which.inputs[up.job].pop_front();
    }
    run_chain(which, ends);
  }
}

/// What all upstreams have of one instant; they may come to it in any order.
void job_core::run_by_instant(kept_job& which) {
  const auto& before = after_of(*which.definition)->jobs;
  auto& first = which.inputs[before.front().job];
  for (std::size_t i = 0; i < first.size();) {
    const upstream_end like = first[i];
    const auto has_it = [&](const auto& up) { return waits_of(which, up.job, like) != nullptr; };
    if (!std::all_of(before.begin(), before.end(), has_it)) {
      ++i;
      continue;
    }
    std::vector<upstream_end> ends;
    for (const auto& up : before)
      ends.push_back(*take_like(which.inputs[up.job], like));
    run_chain(which, ends);
  }
}

/// Of instants that cannot come together any more: when no job before it can tell of them, so that
/// they are decided once.
void job_core::give_up(kept_job& which) {
  const auto& before = after_of(*which.definition)->jobs;
  for (const auto& up : before) {
    auto& ends = which.inputs[up.job];
    for (std::size_t i = 0; i < ends.size();) {
      const upstream_end like = ends[i];
      const auto is_missing = [&](const auto& other) {
        return waits_of(which, other.job, like) == nullptr;
      };
      const auto still_comes = [&](const auto& other) {
        return is_missing(other) && may_still_end(other.job, like);
      };
      const auto missing = std::find_if(before.begin(), before.end(), is_missing);
      if (missing == before.end() || std::any_of(before.begin(), before.end(), still_comes)) {
        ++i;
        continue;
      }
      for (const auto& other : before)
        take_like(which.inputs[other.job], like);
      leave_out(which, unrun(like, up.job),
                "nothing is known of a run of " + missing->job + " for this instant");
    }
  }
}

/// Whether a job, or one that it comes after, has yet to tell of that instant.
bool job_core::may_still_end(const std::string& name, const upstream_end& like) const {
  const auto is_it = [&](const auto& run) { return is_like(run, like); };
  const auto has_it = [&](const auto& all) { return std::any_of(all.begin(), all.end(), is_it); };
  std::set<std::string> seen{name};
  std::vector<std::string> next{name};
  while (!next.empty()) {
    const kept_job* const which = find(next.back());
    next.pop_back();
    if (which == nullptr)
      continue;
#ifndef SKEIN_BUG_JOB_CHAIN_GIVES_UP_EARLY
    if (has_it(which->running))
      return true;
#endif
    if (has_it(which->queue))
      return true;
    for (const auto& [upstream, ends] : which->inputs)
      if (has_it(ends))
        return true;
    for (const std::string& each : graph_.before(which->name()))
      if (seen.insert(each).second)
        next.push_back(each);
  }
  return false;
}

void job_core::run_chain(kept_job& which, const std::vector<upstream_end>& ends) {
  const after_schedule& after = *after_of(*which.definition);
  waiting_run run{record_kind::fired, instant::min()};
  std::string unmet;
  for (std::size_t i = 0; i < ends.size(); ++i) {
    const auto& up = after.jobs[i];
    run.due = std::max(run.due, ends[i].due);
    if (!is_due_record(ends[i].kind)) {
      run.kind = ends[i].kind;
      run.by = unrun(ends[i], up.job).by;
    }
    if (!is_wanted(up.wanted, ends[i]))
      unmet += (unmet.empty() ? "" : ", ") + up.job + became(ends[i]) + " (wanted " +
               std::string{to_text(up.wanted)} + ")";
  }
  run.is_again = run.due <= which.through && !graph_.meets_by_instant(which.name());
  which.through = std::max(which.through, run.due);
  if (!unmet.empty() || which.paused) {
    leave_out(which, run, !unmet.empty() ? unmet : "paused by " + which.paused->by);
    return;
  }
  run.handed = hand_on(which, run, ends);
  want_run(which, std::move(run));
}

/// What the ends have, with as many of their replies as there is room for.
std::string job_core::hand_on(const kept_job& which, waiting_run run,
                              const std::vector<upstream_end>& ends) {
  const auto& before = after_of(*which.definition)->jobs;
  json handed = json::object();
  for (std::size_t i = 0; i < ends.size(); ++i)
    handed[before[i].job] = handed_on(before[i].job, ends[i]);
  run.handed = write_json(handed);
  const auto has_reply = [](const upstream_end& each) { return !each.reply.empty(); };
  if (std::none_of(ends.begin(), ends.end(), has_reply))
    return run.handed;
  std::size_t room = room_for_replies(which, run);
  for (std::size_t i = 0; i < ends.size(); ++i) {
    if (ends[i].reply.empty() || ends[i].reply.size() > room)
      continue;
    room -= ends[i].reply.size();
    handed[before[i].job].erase("reply_omitted");
    handed[before[i].job]["reply"] = raw_json<json>(ends[i].reply);
  }
  return write_json(handed);
}

/// Of one that begins at once what its event may still grow by; of one that has to wait no more
/// than is left for what waits.
std::size_t job_core::room_for_replies(const kept_job& which, const waiting_run& run) {
  const auto made = make_event(which, run, which.name());
  const std::size_t taken = made ? made->event.body.size() + event_margin_bytes : 0;
  const std::size_t grows =
      made && taken < settings_.bounds.event_bytes ? settings_.bounds.event_bytes - taken : 0;
  if (which.may_begin(run.kind))
    return grows;
  const std::size_t waits = which.queue_bytes() + run.bytes();
  return std::min(grows, limits::job_waiting_replies_max -
                             std::min(waits, limits::job_waiting_replies_max));
}

} // namespace skein
