// What a person says of a job. A text is read twice, as a cron expression and as a definition in
// JSON; what is taken must have instants that go on, the same whichever way they are asked for, and
// a definition must come back as it was written.
#include "actors/jobs/job_schedule.hpp"
#include "nodes/clock/time_zones.hpp"
#include "protocol/raw_json.hpp"

#include <chrono>
#include <ctime>

using namespace skein;

namespace {

using std::chrono::hours;

constexpr instant now = from_ns(1'795'944'096'123'456'789); // in November of 2026
constexpr std::size_t walked = 40;                          // instants
/// Of the processor, for all that is asked of one text; a search without an end takes more.
constexpr std::clock_t most_time = 2 * CLOCKS_PER_SEC;

const zone_rules* zone(std::string_view name) {
  const auto found = find_zone(name);
  return found ? *found : nullptr;
}

void check_problem(const error& problem) {
  SKEIN_CHECK(problem.code == errc::invalid_argument);
  SKEIN_CHECK(problem.detail.size() > 10);
}

/// The next local times, in order: the same from wherever the search begins.
void check_cron(std::string_view text) {
  const auto read = cron::parse(text);
  if (!read)
    return check_problem(read.error());
  const std::chrono::seconds second{1};
  local_seconds from{std::chrono::floor<std::chrono::seconds>(now.time_since_epoch())};
  for (std::size_t i = 0; i < walked; ++i) {
    const auto found = read->next(from);
    if (!found)
      return;
    SKEIN_CHECK(*found >= from);
    SKEIN_CHECK(read->next(*found) == found);
    SKEIN_CHECK(read->next(from + (*found - from) / 2) == found);
    from = *found + second;
  }
}

/// From one instant to the next; in one go it must be the same, and all of them are decided once.
void check_instants(const job_definition& job, instant from) {
  const job_schedule schedule{job, *zone(job.zone)};
  instant at = from;
  std::uint64_t count = 0;
  for (; count < walked; ++count) {
    const auto found = schedule.next(at);
    if (!found)
      break;
    SKEIN_CHECK(*found > at && *found >= job.start_at && *found < job.end_at);
    SKEIN_CHECK(schedule.next(at + (*found - at) / 2) == found);
    at = *found;
  }
  const auto all = schedule.between(from, at, walked);
  SKEIN_CHECK(all.has_value() == (count > 0));
  if (!all)
    return;
  SKEIN_CHECK(all->first == schedule.next(from) && all->last == at && all->count == count);
  SKEIN_CHECK(schedule.newest_until(at) == at);
  const misfire_settings how{job.misfire, job.catch_up, job.catch_up_max, false};
  instant through = from;
  std::uint64_t decided = 0;
  for (const due_stretch& each :
       decide_due(schedule, how, job.jitter, from, at + job.jitter).stretches) {
    SKEIN_CHECK(each.from > through && each.to >= each.from && each.count > 0);
    SKEIN_CHECK(each.what == verdict::fired || each.what == verdict::caught_up ||
                !each.why.empty());
    through = each.to;
    decided += each.count;
  }
  SKEIN_CHECK(through == at && decided == count);
}

void check_definition(std::string_view text) {
  const job_surroundings around{zone, "Europe/Berlin", {"bot"}};
  const auto words = read_job_words(text);
  if (words.is_discarded())
    return;
  const job_reading read = read_job("a", words, around);
  if (!read.problems.empty()) {
    for (const job_problem& each : read.problems)
      SKEIN_CHECK(each.text.size() > 10);
    return check_problem(job_error(read.problems));
  }
  SKEIN_CHECK(!schedule_text(read.job).empty());
  const std::string kept = write_json(job_words(read.job));
  const job_reading again = read_job("a", read_job_words(kept), around);
  SKEIN_CHECK(again.problems.empty());
  SKEIN_CHECK(write_json(job_words(again.job)) == kept);
  SKEIN_CHECK(again.job.data == read.job.data && again.job.timeout == read.job.timeout);
  SKEIN_CHECK(again.job.start_at == read.job.start_at && again.job.end_at == read.job.end_at);
  if (std::holds_alternative<after_schedule>(read.job.schedule))
    return;
  check_instants(read.job, now);
  check_instants(read.job, std::max(read.job.start_at, now - hours{24}) - duration{1});
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const std::clock_t began = std::clock();
  check_cron(text);
  check_definition(text);
  SKEIN_CHECK(std::clock() - began < most_time);
  return 0;
}
