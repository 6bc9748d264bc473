#include "nodes/cli/event_page.hpp"

#include "nodes/cli/exit_codes.hpp"
#include "nodes/cli/remote.hpp"
#include "nodes/logging/log_line.hpp"
#include "protocol/cloudevents.hpp"
#include "protocol/raw_json.hpp"

#include <fmt/format.h>

#include <array>
#include <ostream>

namespace skein::cli {

namespace {

constexpr std::array list_columns{column{"EVENT", "event", weight::whole},
                                  column{"STATE", "state", weight::whole},
                                  column{"TYPE", "type", weight::text},
                                  column{"KEY", "key", weight::text},
                                  column{"SOURCE", "source", weight::note},
                                  column{"ID", "id", weight::note},
                                  column{"SHARD", "shard", weight::extra},
                                  column{"PRIORITY", "priority", weight::extra},
                                  column{"ACCEPTED", "accepted"},
                                  column{"DUE", "due"},
                                  column{"EXPIRES", "expires", weight::extra},
                                  column{"AGENTS", "agents", weight::text},
                                  column{"OUTCOME", "outcome", weight::extra}};

constexpr std::array delivery_columns{column{"AGENT", "agent", weight::whole},
                                      column{"STATE", "state", weight::whole},
                                      column{"ATTEMPT", "attempt"},
                                      column{"STARTED", "started", weight::extra},
                                      column{"FINISHED", "finished", weight::extra},
                                      column{"NEXT DUE", "next_due"},
                                      column{"SLEEPS", "sleeps", weight::extra, true},
                                      column{"SLEPT AT", "slept_at", weight::extra, true},
                                      column{"EMITTED", "emitted", weight::extra},
                                      column{"CODE", "code"},
                                      column{"ERROR", "error", weight::text},
                                      column{"WAITS FOR", "waits_for", weight::text, true}};

constexpr std::array attempt_columns{column{"AGENT", "agent", weight::whole},
                                     column{"ATTEMPT", "attempt"},
                                     column{"STARTED", "started", weight::extra},
                                     column{"FINISHED", "finished", weight::extra},
                                     column{"NEXT DUE", "next_due"},
                                     column{"CODE", "code"},
                                     column{"ERROR", "error", weight::text}};

const json& member_of(const json& row, const char* name) {
  static const json none;
  const auto found = row.is_object() ? row.find(name) : row.end();
  return row.is_object() && found != row.end() ? *found : none;
}

/// The list behind a member, empty if it is none.
json list_of(const json& row, const char* name) {
  const json& found = member_of(row, name);
  return found.is_array() ? found : json::array();
}

bool is_text(const json& value, std::string_view text) {
  return value.is_string() && value.get_ref<const std::string&>() == text;
}

/// A turn that sleeps is pending as one that never ran is; a person wants to know which.
std::string state_text(const json& row) {
  return cell_of(row, "state") + (member_of(row, "sleeping") == true ? " (asleep)" : "");
}

/// The attempts that failed, over all deliveries, the last one of a dead delivery too.
json failed_attempts(const json& event) {
  json rows = json::array();
  for (const json& delivery : list_of(event, "deliveries")) {
    for (json attempt : list_of(delivery, "attempts")) {
      attempt["agent"] = member_of(delivery, "agent");
      rows.push_back(std::move(attempt));
    }
    if (is_text(member_of(delivery, "state"), "dead") && delivery.contains("started"))
      rows.push_back(delivery);
  }
  return rows;
}

std::string lane_of(const json& event) {
  std::string text;
  for (const json& each : list_of(event, "lane"))
    text += fmt::format("{}{}: {} before it", text.empty() ? "" : ", ", cell_of(each, "agent"),
                        cell_of(each, "position"));
  return text;
}

/// The data as it was sent: `data` of a look-up is the whole CloudEvent, or the data alone.
void print_data(context& at, const json& event) {
  const json& sent = member_of(event, "data");
  if (sent.is_null())
    return;
  print_heading(at, "AS SENT");
  at.world.out << write_json(sent, 2) << '\n';
}

void print_page(context& at, const json& event) {
  text_values head;
  for (const char* name : {"event", "state", "outcome", "type", "source", "id", "key", "shard",
                           "priority", "accepted", "due", "expires"})
    head.add(name, event, name);
  if (const std::string lane = lane_of(event); !lane.empty())
    head.add("lane", lane);
  for (const json& reply : replies_of(event))
    head.add("reply", escape_controls(reply_text(reply)));
  head.print(at);
  if (json deliveries = list_of(event, "deliveries"); !deliveries.empty()) {
    mark_sleepers(deliveries);
    print_heading(at, "DELIVERIES");
    print_rows(at, deliveries, delivery_columns);
  }
  if (const json attempts = failed_attempts(event); !attempts.empty()) {
    print_heading(at, "FAILED ATTEMPTS");
    print_rows(at, attempts, attempt_columns);
  }
  print_data(at, event);
}

} // namespace

void add_agents(json& rows) {
  for (json& row : rows) {
    std::string text;
    for (const json& each : list_of(row, "deliveries"))
      text += fmt::format("{}{}:{}", text.empty() ? "" : ", ", cell_of(each, "agent"),
                          state_text(each));
    if (!text.empty())
      row["agents"] = text;
  }
}

void mark_sleepers(json& rows) {
  for (json& row : rows)
    row["state"] = state_text(row);
}

std::span<const column> event_columns() { return list_columns; }

json dead_rows(const json& events, const std::optional<std::string>& agent) {
  json rows = json::array();
  for (const json& event : events) {
    for (const json& delivery : list_of(event, "deliveries")) {
      if (!is_text(member_of(delivery, "state"), "dead") ||
          (agent && !is_text(member_of(delivery, "agent"), *agent)))
        continue;
      json row = delivery;
      for (const char* name : {"event", "key", "type", "source", "id", "accepted"})
        row[name] = member_of(event, name);
      rows.push_back(std::move(row));
    }
    if (list_of(event, "deliveries").empty())
      rows.push_back(event);
  }
  return rows;
}

int show_event(context& at, const std::string& target) {
  const auto answer = look_up(at, target);
  if (!answer)
    return answer.exit;
  if (at.global.output == output_format::table)
    print_page(at, answer.body);
  else
    print_json(at, answer.body);
  return exit_code::done;
}

std::vector<json> replies_of(const json& event) {
  std::vector<json> replies;
  for (const json& each : list_of(event, "deliveries"))
    if (const json& reply = member_of(each, "reply"); !reply.is_null())
      replies.push_back(reply);
  if (replies.empty())
    if (const json& reply = member_of(event, "reply"); !reply.is_null())
      replies.push_back(reply);
  return replies;
}

std::string reply_text(const json& reply) {
  if (reply.is_string())
    return reply.get<std::string>();
  if (reply.is_object() && reply.size() == 1 && member_of(reply, "data_base64").is_string())
    if (auto bytes = base64_decode(reply["data_base64"].get<std::string>()); bytes.ok())
      return std::move(*bytes);
  return write_json(reply);
}

std::vector<std::string> errors_of(const json& event) {
  std::vector<std::string> lines;
  for (const json& each : list_of(event, "deliveries")) {
    if (is_text(member_of(each, "state"), "done"))
      continue;
    std::string line =
        fmt::format("agent {}: {}", cell_of(each, "agent"),
                    each.contains("code") ? cell_of(each, "code") : cell_of(each, "state"));
    if (each.contains("error"))
      line += fmt::format(": {}", cell_of(each, "error"));
    if (each.contains("attempt"))
      line += fmt::format(" (attempt {})", cell_of(each, "attempt"));
    lines.push_back(std::move(line));
  }
  return lines;
}

} // namespace skein::cli
