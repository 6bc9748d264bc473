// How a running node takes over another configuration: all of it, or nothing.
#pragma once

#include "nodes/config/load_config.hpp"
#include "protocol/result.hpp"

#include <atomic>

namespace skein {

class agent_runners;
class engine;
struct node_options;

/// What it needs of the node; all of it outlives the call.
struct reload_parts {
  const node_options& options; // that the node was started with
  class engine& actors;
  agent_runners& programs;
  const std::atomic<bool>& ends; // nobody waits any longer
};

/// Of one that a reload_core has found fit. On a thread that may wait for the store.
result<void> take_over(const loaded_config& to, const reload_parts& of);

} // namespace skein
