// What a node's folder has for its broker: DIR/peer.key, its own keys, and DIR/peers, who may come
// in. The command line and a running node use the same functions.
#pragma once

#include "nodes/broker/curve_key.hpp"
#include "nodes/broker/peer_list.hpp"

#include <functional>
#include <optional>
#include <string>

namespace skein {

std::string peer_key_path(const std::string& folder);
std::string peers_path(const std::string& folder);

/// Empty: there is none. store_unsafe; store_corrupt: the two keys do not belong together.
result<std::optional<key_pair>> load_peer_key(const std::string& folder);

/// Makes the folder too. state_conflict: there is a key and it is not to be replaced.
result<key_pair> create_peer_key(const std::string& folder, bool replace);

/// An absent file is an empty list.
result<peer_list> load_peers(const std::string& folder);

/// Reads the list, lets `change` work on it, and writes it if that says that it changed.
result<bool> change_peers(const std::string& folder,
                          const std::function<result<bool>(peer_list&)>& change);

} // namespace skein
