// The agents as the configuration in force has them. Written by the engine when it starts and when
// the configuration changes; read by whoever shows them, on any thread.
#pragma once

#include "actors/board.hpp"
#include "actors/settings.hpp"

#include <memory>
#include <string>
#include <vector>

namespace skein {

struct roster {
  struct entry {
    agent_settings agent;
    std::shared_ptr<board<agent_facts>> facts;
  };
  std::vector<entry> agents;      // in the order of the configuration, the node's own behind
  std::vector<std::string> names; // by number: all that the store knows
};

/// Never empty once the engine is made.
using roster_board = board<std::shared_ptr<const roster>>;

} // namespace skein
