#include "journal/event_match.hpp"

#include <algorithm>

namespace skein::journal {

bool matches(const event_filter& filter, const event_record& record) {
  if (record.accepted < filter.since ||
      (filter.until != no_instant && record.accepted >= filter.until))
    return false;
  if (filter.agent && std::none_of(record.deliveries.begin(), record.deliveries.end(),
                                   [&](const auto& each) { return each.agent == *filter.agent; }))
    return false;
  if (!filter.state)
    return true;
  const delivery_state state = record.state();
  return state == *filter.state ||
         (*filter.state == delivery_state::running && state == delivery_state::pending);
}

bool matches(const dead_filter& filter, const event_record& record) {
  return std::any_of(record.deliveries.begin(), record.deliveries.end(), [&](const auto& each) {
    return each.state == delivery_state::dead && (!filter.agent || each.agent == *filter.agent);
  });
}

} // namespace skein::journal
