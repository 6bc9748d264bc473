// scheduler_core: the configuration changes while the loop works. Turns that run, and outcomes that
// are with the journal, are not touched: what starts afterwards starts by the new one.
#include "actors/scheduler_core.hpp"

#include <algorithm>
#include <utility>

namespace skein {

void scheduler_core::on(loop_change_in& input) {
  settings_.tell_turns = input.tell_turns;
  std::vector<std::string> names;
  for (const auto& each : input.agents)
    names.push_back(each.name);
  know_agents(names); // those that another node's shard brought since stay as they are
  for (std::size_t number = 0; number < input.agents.size(); ++number) {
    const auto agent = static_cast<agent_no>(number);
    auto& known = settings_.agents[number];
    known.pure = input.agents[number].pure;
    lanes_.change_agent(agent, {known.pure});
    if (std::exchange(known.configured, input.agents[number].configured) && !known.configured)
      set_aside(agent);
  }
#ifndef SKEIN_BUG_RELOAD_KEEPS_OLD_ROUTES
  if (!input.routes)
    return;
  std::vector<route_table::route> routes;
  for (auto& each : *input.routes)
    routes.push_back(
        {std::move(each.type), std::move(each.source), std::move(each.key), each.agent});
  settings_.routes = routes;
  routes_ = route_table{std::move(routes)};
#endif
}

/// The agent is gone: what waits for it waits until it comes back, and what it had of slots goes to
/// the other loops.
void scheduler_core::set_aside(agent_no agent) {
  agent_slots& of = slots_[raw(agent)];
  if (of.slots.adjust(0))
    tell_slots(of.slots, settings_.agents[raw(agent)].name);
  for (std::uint32_t slot = 0; slot < lanes_.deliveries.slots(); ++slot) {
    const live_delivery& each = lanes_.deliveries[slot];
    if (each.event != no_slot && each.agent == agent && each.at == stage::waiting)
      leave_alone_slot_if_gone(slot);
  }
}

/// Who waits for an agent that is gone does not keep the node's one slot for accused deliveries:
/// others wait for it.
void scheduler_core::leave_alone_slot_if_gone(std::uint32_t slot) {
  live_delivery& which = lanes_.deliveries[slot];
  if (settings_.agents[raw(which.agent)].configured)
    return;
  if (std::erase(accused_, slot) > 0)
    lanes_.set_loading(which.lane, false); // it asks anew when the agent is back
  if (std::exchange(which.alone, false))
    end_alone_turn();
}

} // namespace skein
