// A configuration that was checked: typed, complete, and consistent in itself. The raw forms
// (raw_config, config_values) stay behind.
#pragma once

#include "actors/settings.hpp"
#include "nodes/config/config_values.hpp"
#include "nodes/config/disk_share.hpp"
#include "nodes/logging/log.hpp"
#include "nodes/tls/server_identity.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace skein {

struct node_config {
  std::string name = "n1";
  std::uint32_t loops = 0; // 0 = one a core
  std::string http_host = "127.0.0.1";
  std::uint16_t http_port = 7411; // 0 = the system chooses
  std::string broker;             // "tcp://IP:PORT", "ipc:///PATH"; empty: no links to other nodes
  std::uint32_t weight = 1;
  std::string data = "skein-data";
};

/// How a running node follows its file.
struct reload_options {
  bool watch = true;
  duration settle = std::chrono::milliseconds{500};
};

struct cluster_config {
  std::string name = "skein";
  std::uint32_t shards = 256;
  std::string store;        // "", "memory:" or a PostgreSQL URL
  bool single_copy = false; // of PostgreSQL: no standby is asked for
  std::string timezone = "UTC";
  duration dedupe_window = limits::dedupe_window;
  duration retention = limits::retention; // not below dedupe_window
  std::uint64_t retention_bytes = limits::retention_bytes;
  std::size_t dedupe_identities_max = limits::dedupe_identities_max;
  std::vector<node_config> nodes; // never empty: n1 with the defaults if the file has none
  tls_files tls;
  std::vector<agent_settings> agents;
  std::vector<route_settings> routes;
  std::map<std::string, std::string> jobs; // by name: the definition as JSON
  event_limits events;
  duration drain_deadline = limits::drain_deadline;
  disk_settings disk;
  log_options log;
  reload_options reload;
};

/// What the rules look up beyond the file itself.
struct config_surroundings {
  std::string folder = ".";                          // that relative paths start from
  std::string path = "/usr/local/bin:/usr/bin:/bin"; // where commands without a '/' are found
};

/// Applies the rules between keys and sections, and builds the typed form. May fill in a default
/// that depends on another key. The answer is meaningful only if no error was found.
cluster_config check_rules(config_values& values, const config_surroundings& around,
                           config_problems& problems);

} // namespace skein
