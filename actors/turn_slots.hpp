// How many turns of an agent a node has room for.
#pragma once

#include "actors/settings.hpp"

#include <algorithm>
#include <cstdint>

namespace skein {

/// Turns of the agent that can run at once on this node: what the broker may have out. Programs
/// that are fed lines take turns_per_process each, and never more than the concurrency together.
inline std::uint32_t turn_slots(const agent_settings& agent) {
  const std::uint64_t concurrency = std::max(agent.concurrency, 1u);
  if (agent.kind != agent_kind::exec || agent.exec.mode == exec_mode::oneshot)
    return static_cast<std::uint32_t>(concurrency);
  const std::uint64_t processes = agent.exec.processes == 0 ? concurrency : agent.exec.processes;
  const std::uint64_t turns = processes * std::max(agent.exec.turns_per_process, 1u);
  return static_cast<std::uint32_t>(std::min(concurrency, turns));
}

} // namespace skein
