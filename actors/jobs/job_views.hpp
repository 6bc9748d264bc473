// What is told of jobs: in JSON, times in UTC and in the zone of the job. Pure.
#pragma once

#include "actors/jobs/kept_job.hpp"

#include <nlohmann/json.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace skein {

inline constexpr std::size_t job_instants_shown = 5;

/// "active", "paused" or "unreadable".
std::string_view job_state(const kept_job& which);
/// Of a list.
nlohmann::json job_row(const kept_job& which, instant now);
/// With definition, policies in words, next instants, changes.
nlohmann::json job_page(const kept_job& which, instant now);
nlohmann::json next_instants(const kept_job& which, std::size_t count, instant now);
/// A record of the ledger.
nlohmann::json record_view(const kept_job& which, const job_record& record,
                           const run_events& events, const zone_rules& zone);

/// "2026-10-25T02:30:00+02:00"
std::string local_text(instant at, const zone_rules& zone);
/// What the clocks do near an instant; empty if they do nothing.
std::string clock_remark(instant due, const zone_rules& zone);

} // namespace skein
