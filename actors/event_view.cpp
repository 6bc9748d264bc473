#include "actors/event_view.hpp"

#include "protocol/cloudevents.hpp"
#include "protocol/raw_json.hpp"

#include <algorithm>

namespace skein {

namespace {

using nlohmann::json;

std::string name_of(agent_no agent, const std::vector<std::string>& names) {
  return raw(agent) < names.size() ? names[raw(agent)] : "#" + std::to_string(raw(agent));
}

void put_time(json& row, const char* name, instant at) {
  if (at != no_instant)
    row[name] = format_rfc3339(at);
}

void put_error(json& row, errc code, const std::string& text) {
  if (code != errc::none)
    row["code"] = slug(code);
  if (!text.empty())
    row["error"] = text;
}

json view_attempt(const journal::attempt_record& attempt, std::size_t number) {
  json row{{"attempt", number}};
  put_time(row, "started", attempt.started);
  put_time(row, "finished", attempt.finished);
  put_error(row, attempt.code, attempt.error);
  put_time(row, "next_due", attempt.next_due);
  return row;
}

json view_delivery(const journal::delivery_record& delivery, std::size_t index,
                   const std::vector<std::string>& names) {
  json row{{"index", index},
           {"agent", name_of(delivery.agent, names)},
           {"state", to_string(delivery.state)}};
  row["attempt"] = is_terminal(delivery.state)
                       ? delivery.attempt
                       : static_cast<std::uint32_t>(delivery.attempts.size());
  row["attempts"] = json::array();
  for (std::size_t i = 0; i < delivery.attempts.size(); ++i) // turns that slept are none of them
    row["attempts"].push_back(view_attempt(delivery.attempts[i], i + 1));
  if (const std::uint32_t sleeps = delivery.sleeps(); sleeps > 0) {
    row["sleeps"] = sleeps;
    put_time(row, "slept_at", delivery.slept.finished);
  }
  if (!is_terminal(delivery.state)) {
    if (delivery.is_asleep())
      row["sleeping"] = true;
    put_time(row, "next_due", delivery.next_due());
    return row;
  }
  put_time(row, "started", delivery.started);
  put_time(row, "finished", delivery.finished);
  put_time(row, "committed", delivery.committed);
  put_error(row, delivery.code, delivery.error);
  if (delivery.reply_kind != data_kind::none)
    row["reply"] = view_value(delivery.reply_kind, delivery.reply.view());
  row["emitted"] = delivery.emitted;
  return row;
}

void overlay_delivery(json& row, const json& live, const idle_agent& idle) {
  const auto attempts = live["attempts"].get<std::uint32_t>();
  if (!live.contains("sleeping"))
    row.erase("sleeping"); // it goes on, or is about to
  if (live["state"] == "running" && idle(row["agent"].get<std::string>()))
    return; // as it is in the store
  row["state"] = live["state"];
  if (live["state"] == "running")
    row["attempt"] = attempts + 1;
  for (const char* name : {"started", "sleeps", "sleeping", "next_due"})
    if (live.contains(name))
      row[name] = live[name];
}

} // namespace

json view_value(data_kind kind, std::string_view bytes) {
  std::string text;
  append_json_value(text, kind, bytes);
  return raw_json<json>(text);
}

json view_event(const journal::event_record& record, const std::vector<std::string>& agents,
                bool with_data) {
  const event_head head = read_head(record.body.view());
  json view{{"event", to_string(record.event)},
            {"id", head.id},
            {"source", head.source},
            {"type", head.type},
            {"key", head.key},
            {"shard", raw(record.event.shard)},
            {"state", to_string(record.state())},
            {"priority", to_string(record.priority)}};
  put_time(view, "accepted", record.accepted);
  put_time(view, "due", record.due);
  put_time(view, "expires", record.expires);
  if (record.deliveries.empty())
    view["outcome"] = outcome_unrouted;
  view["deliveries"] = json::array();
  for (std::size_t i = 0; i < record.deliveries.size(); ++i) {
    json row = view_delivery(record.deliveries[i], i, agents);
    if (row.contains("reply") && !view.contains("reply"))
      view["reply"] = row["reply"];
    view["deliveries"].push_back(std::move(row));
  }
  if (!with_data)
    return view;
  if (auto body = decode_event(record.body.view()))
    view["data"] = raw_json<json>(write_structured(*body));
  return view;
}

void overlay_live(json& view, const json& live, const idle_agent& idle) {
  if (!live.is_object() || !live.contains("deliveries"))
    return;
  std::vector<delivery_state> states;
  for (json& row : view["deliveries"]) {
    for (const json& each : live["deliveries"]) {
      if (each["index"] != row["index"] ||
          is_terminal(*parse_delivery_state(row["state"].get<std::string>())))
        continue;
      overlay_delivery(row, each, idle);
      if (each.contains("position"))
        view["lane"].push_back({{"agent", row["agent"]}, {"position", each["position"]}});
    }
    states.push_back(*parse_delivery_state(row["state"].get<std::string>()));
  }
  if (!states.empty())
    view["state"] = to_string(event_state(states));
}

void overlay_idle(json& lane, const idle_agent& idle) {
  if (!idle(lane["agent"].get<std::string>()))
    return;
  lane["waiting"] = lane["waiting"].get<std::uint32_t>() + lane["running"].get<std::uint32_t>();
  lane["running"] = 0;
  if (lane.value("state", "") == to_string(delivery_state::running))
    lane["state"] = to_string(lane.value("attempts", 0u) > 0 ? delivery_state::retrying
                                                             : delivery_state::pending);
}

} // namespace skein
