// The metrics page: Prometheus text from what the node's parts say of themselves. Never labelled by
// key.
#pragma once

#include "actors/engine.hpp"
#include "nodes/broker/broker.hpp"

#include <optional>
#include <string>
#include <vector>

namespace skein {

struct metrics_sources {
  engine::facts parts;
  std::string node;
  std::vector<std::string> agents; // all that the store knows, by number
  bool ready = false;
  bool shares_its_store = false; // with other nodes, by leases
  boot_time now{};
  broker::counters frames;
  mesh_facts mesh;
  std::optional<store_facts> store; // absent until the store first answered
  std::string version;
  double uptime_s = 0;
};

std::string render_metrics(const metrics_sources& from);

} // namespace skein
