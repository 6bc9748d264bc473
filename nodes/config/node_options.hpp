// What one node is started with: the part of a configuration that is its own, and what the command
// line said. The composition root builds the node from this and nothing else.
#pragma once

#include "actors/settings.hpp"
#include "journal/journal.hpp"
#include "nodes/config/cluster_config.hpp"
#include "nodes/logging/log.hpp"
#include "protocol/result.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace skein {

struct node_options {
  engine_settings settings; // settings.loops is resolved: at least 1
  std::string cluster_name = "skein";
  std::uint32_t shards = 256;
  std::string store;        // as configured: "", "memory:" or a PostgreSQL URL
  bool single_copy = false; // of PostgreSQL: no standby is asked for
  std::uint32_t weight = 1; // share of the shards of a store that several nodes share
  std::string data_dir = "skein-data";
  bool ephemeral = false; // nothing is kept; store is then "memory:"
  std::string http_host = "127.0.0.1";
  std::uint16_t http_port = 7411;           // 0 = the system chooses
  tls_files tls;                            // of http; empty: none
  std::string broker;                       // where it listens to other nodes; empty: it does not
  std::map<std::string, std::string> peers; // the other nodes' names and brokers
  duration dedupe_window = limits::dedupe_window;
  duration retention = limits::retention;
  std::uint64_t retention_bytes = limits::retention_bytes;
  std::size_t dedupe_identities_max = limits::dedupe_identities_max;
  disk_settings disk;
  log_options log;
  bool log_level_given = false; // on the command line or by the environment, over the file's
  reload_options reload;
  bool trust_clock = false; // however far from the store's last commit it is
  bool dev = false;         // `skein dev`
  std::string config_file;  // empty = built-in
  std::string config_text;  // what stood in it

  bool shares_its_store() const { return journal::is_postgres_url(store); }
  /// For journal::open.
  const std::string& store_url() const { return store.empty() ? data_dir : store; }
};

/// The options of the node of that name; an empty name means the only node. invalid_config when
/// there is no such node, with the names that there are.
result<node_options> options_for(const cluster_config& config, std::string_view node);

/// `skein dev` without a file: an echo agent that gets every event.
node_options dev_options();

/// What the store is opened with, but for the disk that is to stay free.
journal::open_options store_options(const node_options& options, instant now, std::uint64_t seed);

/// The store is kept in memory only.
void make_ephemeral(node_options& options);

/// 0 becomes one a processor core.
std::uint32_t resolve_loops(std::uint32_t loops);

} // namespace skein
