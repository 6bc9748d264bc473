// The instants of a job, and what becomes of those whose time has come: one verdict for each of
// them.
#pragma once

#include "actors/jobs/job_definition.hpp"
#include "protocol/limits.hpp"

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace skein {

class job_schedule {
 public:
  /// Of a definition that was read without problems.
  job_schedule(const job_definition& job, const zone_rules& zone);

  /// The first due instant behind `after`; empty: there is none (any more, or within 50 years).
  std::optional<instant> next(instant after) const;

  struct stretch {
    instant first, last;
    std::uint64_t count = 0;
    std::deque<instant> newest{}; // so many as were asked for, in order
  };
  /// Those behind `after` and not behind `upto`; of more than `most`, the first ones.
  std::optional<stretch> between(instant after, instant upto, std::uint64_t most,
                                 std::size_t newest = 0) const;
  /// The newest one that is not behind `upto`; empty: there is none, or none within 50 years.
  std::optional<instant> newest_until(instant upto) const;
  /// Whether many instants take as long as each of them does; else they are one computation.
  bool is_walked() const noexcept { return cron_.has_value(); }

  /// The time from this due instant to the next one; empty if it is the last.
  std::optional<duration> period_at(instant due) const;

  const zone_rules& zone() const noexcept { return *zone_; }
  const dst_rules& rules() const noexcept { return rules_; } // of a cron expression

 private:
  std::optional<instant> next_of_all(instant after) const;

  const zone_rules* zone_;
  instant start_, end_;
  std::optional<instant> at_;
  std::optional<every_schedule> every_;
  std::optional<cron> cron_;
  dst_rules rules_;
};

enum class verdict : std::uint8_t {
  fired,     // in time
  caught_up, // late, as its misfire rule says
  merged,    // missed; a later instant runs for it
  skipped,
};

/// What is to be done with a run of instants of one verdict. Of fired and caught_up there is one
/// instant each.
struct due_stretch {
  verdict what = verdict::fired;
  instant from, to;
  std::uint64_t count = 1;
  std::string why; // of merged and skipped, for people
};

struct misfire_settings {
  misfire_rule rule = misfire_rule::once;
  std::optional<duration> catch_up;
  std::uint32_t catch_up_max = 100;
  bool nothing_is_caught_up = false;        // the node keeps crashing
  std::size_t room = limits::job_queue_max; // how many can begin or wait
};

struct due_plan {
  std::vector<due_stretch> stretches; // in order, without gaps
  bool more = false;                  // the step's bound ended it; go on behind the last one
  std::size_t walked = 0;             // instants that were looked at one by one
};

/// Decides about the instants behind `through` whose time, which is `offset` behind them, has come.
due_plan decide_due(const job_schedule& schedule, const misfire_settings& how, duration offset,
                    instant through, instant now);

} // namespace skein
