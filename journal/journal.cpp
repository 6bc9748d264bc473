#include "journal/journal.hpp"

namespace skein::journal {

delivery_state event_record::state() const {
  std::array<delivery_state, limits::deliveries_per_event_max> states{};
  SKEIN_CHECK(deliveries.size() <= states.size());
  for (std::size_t i = 0; i < deliveries.size(); ++i)
    states[i] = deliveries[i].state;
  return event_state(std::span{states}.first(deliveries.size()));
}

} // namespace skein::journal
