// Why a job did or did not run at a time, in plain words. Pure.
#pragma once

#include "actors/jobs/job_views.hpp"

#include <vector>

namespace skein {

/// What an explanation is made of.
struct job_evidence {
  const kept_job& which;
  const zone_rules& zone;
  /// In their order, as record_choice::around() takes them.
  const std::vector<job_record>& records;
  const run_events& events;
  instant now;
};

nlohmann::json explain_job(const job_evidence& from, instant asked);

/// The newest instant until then that its schedule knows of; empty: another definition was in
/// force, or it has no schedule of its own.
std::optional<instant> explained_instant(const kept_job& which, instant asked);

} // namespace skein
