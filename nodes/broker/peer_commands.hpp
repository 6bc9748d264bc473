// skein peer allow, revoke and list as both the command line and a node have them: what they do to
// the list of a folder, and their answers as JSON.
#pragma once

#include "nodes/broker/mesh.hpp"
#include "nodes/broker/peer_list.hpp"
#include "protocol/result.hpp"
#include "protocol/time.hpp"

#include <string>

namespace skein {

struct peer_command {
  std::string folder; // of the node
  std::string peer;
  std::string key;           // of allow
  std::string role = "node"; // likewise
  instant now = no_instant;
  bool dry_run = false;
};

/// {"peer","role","key","allowed","changed"}
result<std::string> allow_peer_in(const peer_command& command);
/// {"peer","role","key","allowed","revoked"}
result<std::string> revoke_peer_in(const peer_command& command);

/// Of a node's folder, without a node: who is allowed.
result<std::string> list_peers_in(const std::string& folder);
/// Of a running node.
std::string list_peers_of(const std::string& node, const mesh_facts& facts, instant now);

} // namespace skein
