// What a broker is told and tells of the other nodes.
#pragma once

#include "nodes/broker/curve_key.hpp"
#include "nodes/broker/peer_core.hpp"
#include "nodes/logging/log.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace skein {

struct mesh_settings {
  std::string endpoint;         // "tcp://127.0.0.1:0" (the system chooses), "ipc:///PATH"
  std::optional<key_pair> keys; // tcp must have them
  std::uint64_t boot = 0;       // of this process; 0: drawn
  peer_list allowed;
  std::map<std::string, std::string> peers; // name -> endpoint
  peer_timing timing;
  /// On the broker's thread: must not wait.
  std::function<void(const peer_news&)> news;
  log_function log;
};

struct mesh_facts {
  std::string endpoint; // as it was bound; empty: there is no mesh
  std::string key;      // public
  std::uint64_t boot = 0;
  std::vector<peer_facts> peers;
  refusal_counts refused{};
  std::uint64_t accepted = 0; // connections
  std::uint64_t cut = 0;      // that ended, and not by a handshake that failed
};

} // namespace skein
