#include "actors/jobs/job_schedule.hpp"

#include "protocol/limits.hpp"

#include <algorithm>
#include <deque>

namespace skein {

namespace {

/// The greatest n with anchor + n * period <= at.
std::int64_t steps_to(const every_schedule& every, instant at) {
  const auto distance = (at - every.anchor).count();
  const auto period = every.period.count();
  return distance / period - (distance % period < 0 ? 1 : 0);
}

instant step_at(const every_schedule& every, std::int64_t n) {
  return every.anchor + every.period * n;
}

} // namespace

job_schedule::job_schedule(const job_definition& job, const zone_rules& zone)
  : zone_{&zone}, start_{job.start_at}, end_{std::min(job.end_at, job_times_end)} {
  if (const auto* at = std::get_if<at_schedule>(&job.schedule))
    at_ = parse_zone_time(at->text, zone);
  if (const auto* every = std::get_if<every_schedule>(&job.schedule)) {
    every_ = *every;
    // The same instants, counted from 1970: no time is further from it than an instant can be.
    every_->anchor = instant{every->anchor.time_since_epoch() % every->period};
  }
  if (const auto* words = std::get_if<cron_schedule>(&job.schedule)) {
    auto read = cron::parse(words->text);
    SKEIN_CHECK(read);
    cron_ = *std::move(read);
    rules_ = dst_rules::of(*cron_);
    rules_.gap = job.gap.value_or(rules_.gap);
    rules_.repeat = job.repeat.value_or(rules_.repeat);
  }
}

std::optional<instant> job_schedule::next(instant after) const {
  if (start_ != instant::min())
    after = std::max(after, start_ - duration{1});
  if (after >= end_)
    return std::nullopt;
  const auto found = next_of_all(after);
  return found && *found < end_ ? found : std::nullopt;
}

std::optional<instant> job_schedule::next_of_all(instant after) const {
  if (at_)
    return *at_ > after ? at_ : std::nullopt;
  if (every_)
    return step_at(*every_, steps_to(*every_, after) + 1);
  return cron_ ? next_due(*cron_, *zone_, rules_, after) : std::nullopt;
}

std::optional<job_schedule::stretch> job_schedule::between(instant after, instant upto,
                                                           std::uint64_t most) const {
  const auto first = next(after);
  if (!first || *first > upto || most == 0)
    return std::nullopt;
  stretch found{*first, *first, 1};
  if (every_) {
    // A month of seconds must not be walked.
    const instant last = std::min(upto, end_ - duration{1});
    const std::int64_t from = steps_to(*every_, *first);
    const std::int64_t to =
        std::min(steps_to(*every_, last), from + static_cast<std::int64_t>(most) - 1);
    found.last = step_at(*every_, to);
    found.count = static_cast<std::uint64_t>(to - from) + 1;
    return found;
  }
  while (found.count < most) {
    const auto following = next(found.last);
    if (!following || *following > upto)
      break;
    found.last = *following;
    ++found.count;
  }
  return found;
}

std::optional<duration> job_schedule::period_at(instant due) const {
  const auto following = next(due);
  return following ? std::optional<duration>{*following - due} : std::nullopt;
}

namespace {

/// Decides about all that is due at one moment.
class due_decision {
 public:
  due_decision(const job_schedule& schedule, const misfire_settings& how, duration offset,
               instant now)
    : schedule_{schedule}, how_{how}, offset_{offset}, now_{now} {}

  due_plan decide(instant through) {
#ifdef SKEIN_BUG_JOB_FIRES_EARLY
    now_ += std::chrono::seconds{1};
#endif
    const instant upto = now_ - offset_;
    const auto all = schedule_.between(through, upto, limits::job_instants_a_step);
    if (!all)
      return {};
    const auto behind = schedule_.next(all->last);
    plan_.more = behind && *behind <= upto;
    if (plan_.more) {
      // So many are due behind these that they can be no more than a record.
      const auto oldest = schedule_.between(
          through, upto, limits::job_instants_a_step - limits::job_catch_up_runs_max);
      leave_out(*oldest, "missed, as were many behind it");
      return std::move(plan_);
    }
    if (how_.rule == misfire_rule::all && !how_.nothing_is_caught_up)
      decide_each(through, *all);
    else
      decide_newest(through, *all);
    return std::move(plan_);
  }

 private:
  bool is_on_time(instant due) const {
    const auto period = schedule_.period_at(due);
    const duration bound =
        period ? std::clamp<duration>(*period / 2, limits::job_on_time_min, limits::job_on_time_max)
               : limits::job_on_time_max;
    return lateness(due) <= bound;
  }
  /// Whether it may still run although it is late.
  bool may_catch_up(instant due) const {
    if (how_.rule == misfire_rule::skip || how_.nothing_is_caught_up)
      return false;
    return lateness(due) <= bound_of(due);
  }
  duration bound_of(instant due) const {
    if (how_.catch_up)
      return *how_.catch_up;
    if (how_.rule == misfire_rule::all)
      return std::chrono::hours{24};
    const auto period = schedule_.period_at(due);
    return period ? std::clamp<duration>(*period / 2, limits::job_on_time_min, limits::job_late_max)
                  : limits::job_late_max;
  }
  duration lateness(instant due) const { return now_ - (due + offset_); }

  std::string too_late(const job_schedule::stretch& which) const {
    if (how_.nothing_is_caught_up)
      return "the node had crashed several times within minutes: nothing is caught up then";
    if (how_.rule == misfire_rule::skip)
      return "missed, and misfire = skip";
    return "missed by more than " + format_duration(bound_of(which.last));
  }

  void leave_out(const job_schedule::stretch& which, std::string why) {
    plan_.stretches.push_back(
        {verdict::skipped, which.first, which.last, which.count, std::move(why)});
  }

  /// The newest one runs, if it may, and those before it are merged into it or left out.
  void decide_newest(instant through, const job_schedule::stretch& all) {
    const instant newest = all.last;
    const bool on_time = is_on_time(newest);
    if (!on_time && !may_catch_up(newest))
      return leave_out(all, too_late(all));
#ifdef SKEIN_BUG_JOB_MERGED_IS_FORGOTTEN
    if (all.count > 2) {
#else
    if (all.count > 1) {
#endif
      const auto older = schedule_.between(through, newest - duration{1}, all.count - 1);
      SKEIN_CHECK(older && older->count == all.count - 1);
      if (how_.rule == misfire_rule::skip || how_.nothing_is_caught_up)
        leave_out(*older, too_late(*older));
      else
        plan_.stretches.push_back({verdict::merged, older->first, older->last, older->count,
                                   "missed; one run stands for all of them"});
    }
    plan_.stretches.push_back(
        {on_time ? verdict::fired : verdict::caught_up, newest, newest, 1, {}});
  }

  /// Each runs that is not too late, but of too many the newest ones.
  void decide_each(instant through, const job_schedule::stretch& all) {
    std::deque<instant> runs;
    const instant oldest = now_ - offset_ - bound_of(all.last) - duration{1};
    instant at = std::max(through, oldest);
    for (auto due = schedule_.next(at); due && *due <= all.last; due = schedule_.next(*due)) {
      runs.push_back(*due);
      if (runs.size() > how_.catch_up_max)
        runs.pop_front();
    }
    const std::uint64_t left_out = all.count - runs.size();
    if (left_out > 0) {
      const instant before = runs.empty() ? all.last : runs.front() - duration{1};
      const auto older = schedule_.between(through, before, left_out);
      SKEIN_CHECK(older && older->count == left_out);
      leave_out(*older, "missed by more than " + format_duration(bound_of(all.last)) +
                            ", or by more than " + std::to_string(how_.catch_up_max) + " instants");
    }
    for (const instant due : runs)
      plan_.stretches.push_back(
          {is_on_time(due) ? verdict::fired : verdict::caught_up, due, due, 1, {}});
  }

  const job_schedule& schedule_;
  const misfire_settings& how_;
  duration offset_;
  instant now_;
  due_plan plan_;
};

} // namespace

due_plan decide_due(const job_schedule& schedule, const misfire_settings& how, duration offset,
                    instant through, instant now) {
  return due_decision{schedule, how, offset, now}.decide(through);
}

} // namespace skein
