// JSON views of what a loop holds in memory, for look-ups. Rare, so plain nlohmann.
#pragma once

#include "actors/lanes.hpp"

#include <nlohmann/json.hpp>

namespace skein {

/// {"deliveries":[{"index","state","attempts","sleeps"?,"sleeping"?,"started"?,"next_due"?,
/// "position"?}]}; `started` is of the turn under way; position 0 = first of its lane.
nlohmann::json view_live_event(const lane_set& lanes, std::uint32_t event);

/// {"key","agent","waiting","running","event"?,"state"?,"sleeping"?,"next_due"?}; `agent` by name.
nlohmann::json view_lane(const lane_set& lanes, std::uint32_t lane, const std::string& agent);

/// pending, running or retrying, as people see it.
delivery_state public_state(const live_delivery& delivery) noexcept;

} // namespace skein
