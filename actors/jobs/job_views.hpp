// What is told of jobs: in JSON, times in UTC and in the zone of the job. Pure.
#pragma once

#include "actors/jobs/kept_job.hpp"

#include <nlohmann/json.hpp>

#include <cstddef>
#include <optional>
#include <vector>

namespace skein {

inline constexpr std::size_t job_instants_shown = 5;

/// Of a list.
nlohmann::json job_row(const kept_job& which, instant now);
/// With definition, policies in words, next instants, changes.
nlohmann::json job_page(const kept_job& which, instant now);
nlohmann::json next_instants(const kept_job& which, std::size_t count, instant now);
/// A record of the ledger; without local times if its zone is not known (any more).
nlohmann::json record_view(const kept_job& which, const job_record& record,
                           const run_events& events, const zone_rules* zone);

/// The newest instant that is not behind `asked`, if there is one within what is worth a search.
std::optional<instant> due_until(const job_schedule& schedule, instant asked);
/// In plain words, why it did or did not run at an instant; of a job that has a schedule, with the
/// records around due_until() of that.
nlohmann::json job_explanation(const kept_job& which, instant asked,
                               const std::vector<job_record>& records, const run_events& events,
                               instant now);

} // namespace skein
