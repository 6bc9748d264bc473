// The ledger of a job: what was decided about its due instants. Each of them is in one record; a
// run of instants with one verdict shares one. Runs that people asked for have records of their own
// kinds.
#pragma once

#include "actors/jobs/job_schedule.hpp"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace skein {

enum class record_kind : std::uint8_t {
  fired,
  caught_up,
  merged,
  skipped,
  triggered,  // by hand
  backfilled, // by hand, for an instant of the past
};
constexpr record_kind kind_of(verdict what) noexcept { return static_cast<record_kind>(what); }
/// Whether it is about a due instant of the schedule.
constexpr bool is_due_record(record_kind kind) noexcept { return kind <= record_kind::skipped; }
/// Whether a record of this kind is about one instant that was to run.
constexpr bool is_of_one_run(record_kind kind) noexcept {
  return kind != record_kind::merged && kind != record_kind::skipped;
}

struct job_record {
  record_kind kind = record_kind::fired;
  instant from, to;
  std::uint64_t count = 1;
  instant decided; // of the newest one
  std::string id;  // of the event, if there is one; its source is that of the job
  std::string why; // of merged and skipped; who asked, of the last two

  /// Whether an event stands behind it. What was asked for by hand has none if it was left out.
  bool has_run() const noexcept { return !id.empty(); }
  friend bool operator==(const job_record&, const job_record&) = default;
};

/// People ask with seconds.
bool is_same_second(instant one, instant other) noexcept;

/// Of a ledger, offered in its order: the newest so many, or what an explanation needs - what was
/// decided about the instant `due`, what was asked for by hand at the time or for it, and the
/// newest that was decided about an instant before the time.
class record_choice {
 public:
  static record_choice newest(std::size_t limit);
  static record_choice around(instant asked, std::optional<instant> due);

  /// How many of the newest records have to be offered; empty: all of them.
  std::optional<std::size_t> limit() const noexcept { return limit_; }
  void offer(job_record record);
  std::vector<job_record> take();

 private:
  std::optional<std::size_t> limit_;
  instant asked_;
  std::optional<instant> due_;
  std::vector<job_record> chosen_;
  std::optional<job_record> before_;
};

/// The events of runs, by the ids that the records have.
using run_events = std::map<std::string, std::pair<event_id, delivery_state>>;

std::string_view to_text(record_kind kind);
std::optional<record_kind> read_record_kind(std::string_view text);
nlohmann::json record_words(const job_record& record);
/// Empty for what is no record.
std::optional<job_record> read_record(std::string_view text);

/// The state keys of a job's records: in their order, by number.
std::string record_key(const std::string& job, std::uint64_t number);

/// What the sources of jobs begin with; nobody else's may.
inline constexpr std::string_view job_sources = "skein/job/";
/// An attribute of their events on a shared store: the agent that the job names, for the owner of
/// the event's shard, who routes it.
inline constexpr std::string_view job_agent_attribute = "skeinagent";
/// "skein/job/NAME"
std::string job_source(const std::string& job);

// The agents whose states these are: none that a configuration can name.
inline constexpr std::string_view jobs_agent = "!jobs";             // definitions, by name
inline constexpr std::string_view job_states_agent = "!job-states"; // where each stands, by name
inline constexpr std::string_view job_records_agent = "!job-records";

} // namespace skein
