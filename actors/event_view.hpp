// What people and programs see of an event: the look-up body of the HTTP API, as JSON. What agents
// and senders wrote is in it as they wrote it: these views are for write_json
// (protocol/raw_json.hpp).
#pragma once

#include "journal/journal.hpp"

#include <nlohmann/json.hpp>

#include <functional>
#include <string>
#include <vector>

namespace skein {

/// The body of GET /v1/events/{event}. `agents` are names by number. `with_data` adds the
/// CloudEvent.
nlohmann::json view_event(const journal::event_record& record,
                          const std::vector<std::string>& agents, bool with_data);

/// Whether no turn of the agent of this name can be under way, whatever its loop believes.
using idle_agent = std::function<bool(const std::string& agent)>;

/// Puts what is live (live_view.hpp) over what is stored: running, retrying, positions. A turn that
/// was given to an idle agent still waits.
void overlay_live(nlohmann::json& view, const nlohmann::json& live, const idle_agent& idle);

/// The same for a row of view_lane (live_view.hpp).
void overlay_idle(nlohmann::json& lane, const idle_agent& idle);

/// Reply or data as raw JSON: a JSON value as it is, text as a string, binary as {"data_base64"}.
nlohmann::json view_value(data_kind kind, std::string_view bytes);

} // namespace skein
