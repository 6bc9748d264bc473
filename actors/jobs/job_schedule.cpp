#include "actors/jobs/job_schedule.hpp"

#include "protocol/limits.hpp"

#include <algorithm>
#include <limits>

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

std::optional<job_schedule::stretch>
job_schedule::between(instant after, instant upto, std::uint64_t most, std::size_t newest) const {
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
    for (std::int64_t n = to; n >= from && found.newest.size() < newest; --n)
      found.newest.push_front(step_at(*every_, n));
    return found;
  }
  const auto keep = [&] {
    if (newest > 0)
      found.newest.push_back(found.last);
    if (found.newest.size() > newest)
      found.newest.pop_front();
  };
  keep();
  while (found.count < most) {
    const auto following = next(found.last);
    if (!following || *following > upto)
      break;
    found.last = *following;
    ++found.count;
    keep();
  }
  return found;
}

std::optional<instant> job_schedule::newest_until(instant upto) const {
  upto = std::min(upto, end_ - duration{1});
  const auto is_before = [&](instant at) { // the newest
    const auto following = next(at);
    return following && *following <= upto;
  };
  const instant earliest = instant::min() + std::chrono::years{1};
  const auto from = [&](duration back) { return upto > earliest + back ? upto - back : earliest; };
  constexpr duration longest = std::chrono::years{50};
  duration back = std::chrono::minutes{1};
  while (!is_before(from(back))) {
    if (back == longest)
      return std::nullopt;
    back = std::min(back * 8, longest);
  }
  instant before = from(back), behind = upto;
  while (behind - before > duration{1}) {
    const instant middle = before + (behind - before) / 2;
    (is_before(middle) ? before : behind) = middle;
  }
  return behind;
}

std::optional<duration> job_schedule::period_at(instant due) const {
  const auto following = next(due);
  return following ? std::optional<duration>{*following - due} : std::nullopt;
}

namespace {

constexpr std::uint64_t any_number = std::numeric_limits<std::int64_t>::max() / 2;
/// More instants of one job are never on time at one moment: they are a second apart.
constexpr std::size_t on_time_at_once = limits::job_on_time_min / std::chrono::seconds{1} + 1;

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
    const bool each_runs = how_.rule == misfire_rule::all && !how_.nothing_is_caught_up;
    const std::size_t runs =
        std::clamp<std::size_t>(how_.room, 1, how_.catch_up_max + on_time_at_once);
    const auto all = schedule_.between(
        through, upto, schedule_.is_walked() ? limits::job_instants_a_step : any_number,
        each_runs ? runs + 1 : 2);
    if (!all)
      return {};
    plan_.walked = schedule_.is_walked() ? all->count : 1;
    const auto behind = schedule_.next(all->last);
    plan_.more = behind && *behind <= upto;
    if (plan_.more) // so many are due behind these that they can be no more than a record
      leave_out(before_newest(*all, all->newest.size() - 1), "missed, as were many behind it");
    else if (each_runs)
      decide_each(*all, runs);
    else
      decide_newest(*all);
    return std::move(plan_);
  }

 private:
  duration on_time_bound(instant due) const {
    const auto period = schedule_.period_at(due);
    return period
               ? std::clamp<duration>(*period / 2, limits::job_on_time_min, limits::job_on_time_max)
               : limits::job_on_time_max;
  }
  /// Whether it may still run although it is late.
  bool may_catch_up(instant due) const {
    if (how_.rule == misfire_rule::skip || how_.nothing_is_caught_up)
      return false;
    return lateness(due) <= bound_of(due);
  }
  bool is_on_time(instant due) const { return lateness(due) <= on_time_bound(due); }
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

  /// Without the newest so many, of which one more is known.
  static job_schedule::stretch before_newest(const job_schedule::stretch& all, std::size_t count) {
    return {all.first, all.newest.at(all.newest.size() - count - 1), all.count - count};
  }

  /// The newest one runs, if it may, and those before it are merged into it or left out.
  void decide_newest(const job_schedule::stretch& all) {
    const instant newest = all.last;
    const bool on_time = is_on_time(newest);
    if (!on_time && !may_catch_up(newest))
      return leave_out(all, too_late(all));
#ifdef SKEIN_BUG_JOB_MERGED_IS_FORGOTTEN
    if (all.count > 2) {
#else
    if (all.count > 1) {
#endif
      const job_schedule::stretch older = before_newest(all, 1);
      if (how_.rule == misfire_rule::skip || how_.nothing_is_caught_up)
        leave_out(older, too_late(older));
      else
        plan_.stretches.push_back({verdict::merged, older.first, older.last, older.count,
                                   "missed; one run stands for all of them"});
    }
    plan_.stretches.push_back(
        {on_time ? verdict::fired : verdict::caught_up, newest, newest, 1, {}});
  }

  /// Each runs that is not too late, but of too many the newest ones. What is on time was not
  /// missed, and takes nobody's place.
  void decide_each(const job_schedule::stretch& all, std::size_t most) {
    const duration bound = std::max(bound_of(all.last), on_time_bound(all.last));
    const auto may_run = [&](instant due) { return lateness(due) <= bound; };
    const auto oldest = std::find_if(all.newest.begin(), all.newest.end(), may_run);
    const auto on_time = static_cast<std::size_t>(
        std::count_if(oldest, all.newest.end(), [&](instant due) { return is_on_time(due); }));
    const std::size_t wanted = how_.catch_up_max + on_time;
    const auto runs = std::min({static_cast<std::size_t>(all.newest.end() - oldest), most, wanted});
    if (runs < all.count)
      leave_out(before_newest(all, runs), runs == wanted ? too_many()
                                          : runs == most ? no_room(most)
                                                         : too_late(all));
    for (auto due = all.newest.end() - static_cast<std::ptrdiff_t>(runs); due != all.newest.end();
         ++due)
      plan_.stretches.push_back(
          {is_on_time(*due) ? verdict::fired : verdict::caught_up, *due, *due, 1, {}});
  }
  std::string too_many() const {
    return "of so many missed, the newest " + std::to_string(how_.catch_up_max) +
           " ran (catch_up_max)";
  }
  static std::string no_room(std::size_t most) {
    return "of so many missed, the newest " + std::to_string(most) +
           " ran: there was room for no more that wait";
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
