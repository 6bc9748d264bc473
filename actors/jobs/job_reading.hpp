// What the journal has of jobs: definitions and states at a start, records and runs later. For the
// threads that read the store.
#pragma once

#include "actors/jobs/job_core.hpp"
#include "journal/journal.hpp"

#include <functional>
#include <optional>
#include <string>

namespace skein {

/// Every state of an agent whose key is behind `after` and before `before` (empty: no end), in
/// order.
result<void>
each_state(journal::reader& reader, agent_no agent, std::string after, const std::string& before,
           const std::function<void(const std::string& key, const slice& value)>& take);

/// Into a new core, before its start.
result<void> recover_jobs(journal::reader& reader, agent_no jobs, agent_no states, job_core& core);

/// Where events of runs lie. On a shared store they may still be on their way to their shards.
struct run_places {
  agent_no records{}; // of jobs
  std::optional<agent_no> outbox{};
  bool is_box(const journal::event_record& record) const;
};

/// The event of a run, by its number if that is known; its box as long as it is in that alone.
result<std::optional<journal::event_record>> find_run(journal::reader& reader,
                                                      const run_places& places,
                                                      const std::string& job, const std::string& id,
                                                      const std::optional<event_id>& event);

job_records_in read_job_records(journal::reader& reader, const run_places& places,
                                const read_records_effect& which);

} // namespace skein
