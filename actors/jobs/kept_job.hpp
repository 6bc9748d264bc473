// A job as it is kept: its definition, who owns it, and where it stands.
//
// The definition and the state are two texts of the journal, written in one commit when both
// change. What is derived is made again from them.
#pragma once

#include "actors/jobs/job_record.hpp"
#include "protocol/ids.hpp"

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace skein {

enum class job_owner : std::uint8_t { file, people };

/// "file", "cli"
std::string_view to_text(job_owner owner);

struct job_pause {
  instant at;
  std::string by, why;
};
/// A time in which it could not run, as it could not be read.
struct job_stand {
  instant since;
  std::optional<instant> until; // empty: it still cannot
  std::string why;
};
struct job_change {
  instant at;
  std::string by, what;
};
struct waiting_run {
  record_kind kind = record_kind::fired;
  instant due;
  std::string by{};      // of those asked for by hand
  bool is_again = false; // its instant is not its own: of a chain whose jobs go their own ways
  std::string handed{};  // JSON: what upstreams hand on, by their names; else empty

  /// Of the state, roughly.
  std::size_t bytes() const noexcept;
};
struct running_run {
  instant due;
  std::string id;
  std::optional<event_id> event{}; // once its commit was answered
  record_kind kind = record_kind::fired;
  bool is_to_end = false; // a later one has cancelled it
};
/// A run of an upstream that has ended, or was left out (by one that comes after others itself).
struct upstream_end {
  instant due;
  bool succeeded = false;
  std::string id{};    // empty: it was left out
  std::string reply{}; // JSON
  bool reply_is_omitted = false;
  record_kind kind = record_kind::fired; // of the run

  bool was_left_out() const noexcept { return id.empty(); }
};

/// Copied before each change, so that it can be undone: what is large in it is shared.
struct kept_job {
  std::shared_ptr<const job_definition> definition; // never null
  std::string unreadable;                           // why it cannot run; else empty
  std::string words;                                // as kept, if it cannot be read
  job_owner owner = job_owner::people;
  std::uint64_t revision = 0;
  std::vector<job_change> changes; // the newest limits::job_changes_max
  std::optional<job_pause> paused;
  // where it stands
  instant created;
  instant through; // up to here each instant has its record, or waits in the queue
  std::uint64_t next_record = 1;
  std::optional<job_record> open; // the newest record, which may still grow
  std::optional<job_stand> stood; // until what was due then has its records
  std::deque<waiting_run> queue;
  std::vector<running_run> running;
  std::uint32_t failures = 0; // one after the other
  std::map<std::string, std::deque<upstream_end>> inputs;
  /// Of the jobs before it: what began by then was before it came after them.
  std::map<std::string, instant> counts_from;
  // derived
  std::shared_ptr<const job_schedule> schedule; // null: it cannot run, or comes after others
  std::optional<instant> next;                  // behind through
  std::optional<instant> fires;                 // when the core looks at it
  std::set<std::string> impossible;             // ids that the journal refused

  explicit kept_job(const std::string& name = {});

  const std::string& name() const noexcept { return definition->name; }
  /// And the schedule that follows from it; its zone must be known.
  void define(job_definition definition, const job_surroundings& around);
  /// What its jitter adds to each instant: the same at every start and on every node.
  duration offset() const;
  /// Whether it runs at all: it can be read, and those that it comes after are there.
  bool can_run() const noexcept { return unreadable.empty(); }
  void note(instant at, std::string by, std::string what);
  /// The oldest record that is still there; the newest limits::job_records_max are.
  std::uint64_t first_record() const noexcept;
  /// Of the state, what waits: for runs of its own to end, and for other jobs before it. At most
  /// limits::job_waiting_bytes_max.
  std::size_t waiting_bytes() const noexcept;
  std::size_t queue_bytes() const noexcept; // the former alone
  /// Whether one more may go on, but for those that wait.
  bool has_room_to_run() const noexcept;
  /// Whether one that comes now begins at once.
  bool may_begin(record_kind kind) const noexcept;
  /// How many more of this kind, asked for by somebody with so long a name, can begin or wait.
  std::size_t room_for(record_kind kind, std::size_t by_bytes) const noexcept;
};

/// What it comes after; null if it has a schedule of its own.
const after_schedule* after_of(const job_definition& definition);

/// Its definition in JSON; of one that cannot be read any more as it was.
nlohmann::json kept_words(const kept_job& job);
std::string definition_text(const kept_job& job);
/// A definition that cannot be read any more (its zone or agent has gone) stays as it is, and the
/// job says why it does not run.
void read_definition(kept_job& job, std::string_view text, const job_surroundings& around);
std::string state_text(const kept_job& job);
void read_state(kept_job& job, std::string_view text);

} // namespace skein
