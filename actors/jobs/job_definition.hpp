// What a person says of a job: when it is due, which event it publishes, and what becomes of
// instants that cannot run as they should. As JSON it looks the same in the API, in the journal and
// (as TOML) in the configuration.
#pragma once

#include "actors/jobs/due_times.hpp"
#include "protocol/delivery_state.hpp"
#include "protocol/ids.hpp"
#include "protocol/result.hpp"

#include <nlohmann/json_fwd.hpp>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace skein {

// ---- when ---------------------------------------------------------------------------------------

/// Once: RFC 3339, or a local time of the job's zone ("2026-12-01T09:00").
struct at_schedule {
  std::string text;
};
/// At anchor + n * period, for every whole n.
struct every_schedule {
  duration period{};
  instant anchor = no_instant;
};
struct cron_schedule {
  std::string text;
};
/// When a run of each of these has ended so.
struct after_schedule {
  enum class result : std::uint8_t { success, failure, any };
  struct upstream {
    std::string job;
    result wanted = result::success;
    friend bool operator==(const upstream&, const upstream&) = default;
  };
  std::vector<upstream> jobs;
};
using schedule_words = std::variant<at_schedule, every_schedule, cron_schedule, after_schedule>;

// ---- what becomes of it -------------------------------------------------------------------------

/// Instants that were missed: none of them runs, the newest one, or each.
enum class misfire_rule : std::uint8_t { skip, once, all };
/// An instant that comes while a run before it goes on: it is left out, waits, ends that one, or
/// runs beside it.
enum class overlap_rule : std::uint8_t { skip, queue, cancel, allow };

struct job_definition {
  std::string name;
  schedule_words schedule;
  std::string zone; // IANA name
  std::optional<gap_rule> gap;
  std::optional<repeat_rule> repeat;
  bool heartbeat = false; // written as `heartbeat`, not as `every`

  // the event
  std::string type;
  std::string key;
  std::string agent; // empty: the routes say
  priority_class priority = priority_class::job;
  bool data_is_text = false;
  std::string data; // JSON, or text; empty = none

  // policies
  misfire_rule misfire = misfire_rule::once;
  std::optional<duration> catch_up; // how late a missed instant may run; else by its period
  std::uint32_t catch_up_max = 100; // of misfire_rule::all
  overlap_rule overlap = overlap_rule::skip;
  duration jitter{};
  std::string start, end; // as written; instants before start, or at end or behind it, are not due
  instant start_at = instant::min();
  instant end_at = instant::max();
  duration timeout{};            // of a run; 0 = the agent's alone
  std::uint32_t pause_after = 0; // failures one after the other; 0 = never
  bool breaker = true;           // nothing is caught up while the node keeps crashing
};

/// What a definition is read against.
struct job_surroundings {
  std::function<const zone_rules*(std::string_view)> find_zone; // nullptr: there is none
  std::string default_zone = "UTC";
  std::vector<std::string> agents; // configured
};

struct job_problem {
  std::string key; // of the definition; empty: of the whole
  std::string text;
};
struct job_reading {
  job_definition job;
  std::vector<job_problem> problems; // the job is meaningful only without
};

inline constexpr std::size_t job_name_bytes_max = 64;
/// 1 to 64 of a-z A-Z 0-9 . _ - that begin with a letter or a digit.
bool is_job_name(std::string_view name) noexcept;

/// A definition as JSON, or what has one as its member `definition` or `job`: `data` stays the text
/// that it was written as. A discarded value if it is no JSON.
nlohmann::json read_job_words(std::string_view text);

/// Of a definition that was kept, without what was legal once and had no effect; numbers as they
/// are bounded now.
nlohmann::json without_former_keys(nlohmann::json words);

/// All that is wrong is told at once.
job_reading read_job(std::string name, const nlohmann::json& words, const job_surroundings& around);
/// What read_job() reads back; defaults that depend on nothing are left out.
nlohmann::json job_words(const job_definition& job);
/// All problems as one error.
error job_error(const std::vector<job_problem>& problems);

/// "every 1h", "cron 0 9 * * MON-FRI", "after a:success, b:any", "at ...".
std::string schedule_text(const job_definition& job);

std::string_view to_text(misfire_rule rule);
std::string_view to_text(overlap_rule rule);
std::string_view to_text(gap_rule rule);
std::string_view to_text(repeat_rule rule);
std::string_view to_text(after_schedule::result wanted);

/// Times of jobs: with the longest search behind it and any duration, each still is an instant.
inline constexpr instant job_times_begin{
    std::chrono::sys_days{std::chrono::year{1700} / 1 / 1}.time_since_epoch()};
inline constexpr instant job_times_end{
    std::chrono::sys_days{std::chrono::year{2200} / 1 / 1}.time_since_epoch()};

/// A time of a definition, of a backfill or of an explanation: RFC 3339, or a local time of the
/// zone, with or without seconds; one in a gap is the first instant behind it, one that comes twice
/// the first. Of the years 1700 to 2199.
std::optional<instant> parse_zone_time(std::string_view text, const zone_rules& zone);

} // namespace skein
