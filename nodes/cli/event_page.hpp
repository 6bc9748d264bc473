// How an event looks: as a row of a list, and as a page with its deliveries, attempts and data.
#pragma once

#include "nodes/cli/output.hpp"

namespace skein::cli {

/// Adds "agents" ("echo:done, bot:pending (asleep)") to each row of `rows`.
void add_agents(json& rows);

/// Deliveries or lanes: the state of each tells who sleeps.
void mark_sleepers(json& rows);

/// Columns of a list of events.
std::span<const column> event_columns();

/// One row a dead delivery, flat: event, agent, key, type, attempts, code, error, finished,
/// accepted. With an agent those of this agent alone: the events may have others beside it.
json dead_rows(const json& events, const std::optional<std::string>& agent);

/// Looks an event up by this request and prints its page, or its JSON. The exit code.
int show_event(context& at, const std::string& target);

/// Every reply of an event's deliveries, in their order; the event's own if it names no deliveries.
std::vector<json> replies_of(const json& event);

/// A reply as the text that it is: texts without quotes, bytes decoded, other JSON as written.
std::string reply_text(const json& reply);

/// Why an event did not end well: "agent bot: agent-failed: no such city (attempt 3)", one a line.
std::vector<std::string> errors_of(const json& event);

} // namespace skein::cli
