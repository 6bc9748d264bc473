#include "nodes/config/node_options.hpp"

#include "nodes/clock/engine_time.hpp"
#include "nodes/config/broker_address.hpp"
#include "nodes/config/nearest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

namespace skein {

namespace {

error no_such_node(std::string_view node, const std::vector<node_config>& nodes) {
  std::vector<std::string_view> names;
  for (const node_config& each : nodes)
    names.push_back(each.name);
  if (node.empty())
    return {errc::invalid_config, fmt::format("The file has {} nodes; name one of {}.",
                                              names.size(), fmt::join(names, ", "))};
  const auto near = nearest(node, names);
  return {
      errc::invalid_config,
      near ? fmt::format("The file has no node \"{}\"; did you mean \"{}\"?", node, *near)
           : fmt::format("The file has no node \"{}\"; it has {}.", node, fmt::join(names, ", "))};
}

} // namespace

std::uint32_t resolve_loops(std::uint32_t loops) {
  if (loops != 0)
    return loops;
  return std::clamp(std::thread::hardware_concurrency(), 1u, loops_max);
}

journal::open_options store_options(const node_options& options, instant now, std::uint64_t seed) {
  journal::open_options how;
  how.shards = options.shards;
  how.dedupe_window = options.dedupe_window;
  how.dedupe_entries_max = options.dedupe_identities_max;
  how.retention = options.retention;
  how.retention_bytes = options.retention_bytes;
  how.now = now;
  how.seed = seed;
  how.clock_jump_max = options.trust_clock ? duration{0} : clock_jump_max;
  return how;
}

void make_ephemeral(node_options& options) {
  options.ephemeral = true;
  options.store = "memory:";
}

result<node_options> options_for(const cluster_config& config, std::string_view node) {
  const auto at =
      std::find_if(config.nodes.begin(), config.nodes.end(), [&](const node_config& each) {
        return each.name == node || (node.empty() && config.nodes.size() == 1);
      });
  if (at == config.nodes.end())
    return no_such_node(node, config.nodes);
  node_options out;
  out.settings.node = at->name;
  out.settings.loops = resolve_loops(at->loops);
  out.settings.agents = config.agents;
  out.settings.routes = config.routes;
  out.settings.timezone = config.timezone;
  out.settings.jobs = config.jobs;
  out.settings.events = config.events;
  out.settings.drain_deadline = config.drain_deadline;
  out.cluster_name = config.name;
  out.shards = config.shards;
  out.store = config.store;
  out.single_copy = config.single_copy;
  out.weight = at->weight;
  out.ephemeral = config.store == "memory:";
  out.data_dir = at->data;
  out.http_host = at->http_host;
  out.http_port = at->http_port;
  out.broker = at->broker;
  if (!out.broker.empty())
    for (const node_config& other : config.nodes)
      if (other.name != at->name && can_be_connected_to(other.broker))
        out.peers[other.name] = other.broker;
  out.tls = config.tls;
  out.dedupe_window = config.dedupe_window;
  out.retention = config.retention;
  out.retention_bytes = config.retention_bytes;
  out.dedupe_identities_max = config.dedupe_identities_max;
  out.disk = config.disk;
  out.log = config.log;
  out.reload = config.reload;
  return out;
}

node_options dev_options() {
  node_options out;
  out.dev = true;
  out.settings.loops = resolve_loops(0);
  agent_settings echo;
  echo.name = "echo";
  echo.kind = agent_kind::echo;
  echo.pure = true;
  out.settings.agents.push_back(std::move(echo));
  out.settings.routes.push_back({"*", "*", "*", "echo"});
  return out;
}

} // namespace skein
