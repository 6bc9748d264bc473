#include "actors/live_view.hpp"

namespace skein {

namespace {
constexpr std::uint32_t position_max = 10'000; // further back than this is not counted

/// What it waits for, if that is a time.
void put_next_turn(nlohmann::json& row, const live_delivery& of) {
  if (of.sleeps_on())
    row["sleeping"] = true;
  if ((of.sleeps_on() || of.at == stage::retrying) && of.next_due != no_instant)
    row["next_due"] = format_rfc3339(of.next_due);
}
} // namespace

delivery_state public_state(const live_delivery& delivery) noexcept {
  switch (delivery.at) {
    case stage::running:
    case stage::held:
    case stage::deciding:
    case stage::closing:
      return delivery_state::running;
    case stage::retrying:
    case stage::waiting:
      return delivery.attempts > 0 && !delivery.asleep ? delivery_state::retrying
                                                       : delivery_state::pending;
    default:
      return delivery_state::pending;
  }
}

nlohmann::json view_live_event(const lane_set& lanes, std::uint32_t event) {
  auto rows = nlohmann::json::array();
  for (std::uint32_t at = lanes.events[event].first_delivery; at != no_slot;
       at = lanes.deliveries[at].next_sibling) {
    const live_delivery& each = lanes.deliveries[at];
    nlohmann::json row{{"index", each.index},
                       {"state", to_string(public_state(each))},
                       {"attempts", each.failures()}};
    if (each.sleeps > 0)
      row["sleeps"] = each.sleeps;
    if (each.at == stage::running)
      row["started"] = format_rfc3339(each.started);
    put_next_turn(row, each);
    if (each.lane != no_slot) {
      std::uint32_t position = 0;
      for (std::uint32_t before = each.previous; before != no_slot && position < position_max;
           before = lanes.deliveries[before].previous)
        ++position;
      row["position"] = position;
    }
    rows.push_back(std::move(row));
  }
  return {{"deliveries", std::move(rows)}};
}

nlohmann::json view_lane(const lane_set& lanes, std::uint32_t slot, const std::string& agent) {
  const lane& which = lanes.lanes[slot];
  nlohmann::json row{{"key", which.key},
                     {"agent", agent},
                     {"waiting", which.size - which.active + (which.away ? which.away->size() : 0)},
                     {"running", which.active}};
  if (which.head != no_slot) {
    const live_delivery& head = lanes.deliveries[which.head];
    row["event"] = to_string(lanes.events[head.event].id);
    row["state"] = to_string(public_state(head));
    row["attempts"] = head.failures();
    put_next_turn(row, head);
    row["since"] = format_rfc3339(head.ready_at);
  }
  return row;
}

} // namespace skein
