// Who may connect to this node's broker: names, roles and public keys, and their text form. Pure.
//
//   NAME ROLE PUBLIC-KEY SINCE     a line each; lines that begin with '#' and empty ones are left
//   out
#pragma once

#include "protocol/result.hpp"
#include "protocol/time.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace skein {

/// What a peer is, and so what it may send (peer_roles.hpp).
enum class peer_role : std::uint8_t { node };
std::string_view to_string(peer_role role);
std::optional<peer_role> parse_peer_role(std::string_view text);

struct allowed_peer {
  std::string name;
  peer_role role = peer_role::node;
  std::string key; // public, Z85
  instant since = no_instant;
  friend bool operator==(const allowed_peer&, const allowed_peer&) = default;
};

/// By name. No two have the same key.
using peer_list = std::map<std::string, allowed_peer, std::less<>>;

/// The peer of that key; nullptr if there is none.
const allowed_peer* find_by_key(const peer_list& list, std::string_view key);

/// True: the list changed; false: it said so already. state_conflict: the name has another key, or
/// the key another name; invalid_argument: the name or the key is none; no_capacity: it is full.
result<bool> allow_peer(peer_list& list, allowed_peer peer);
/// What was taken out; not_found.
result<allowed_peer> revoke_peer(peer_list& list, std::string_view name);

/// invalid_config, with the line.
result<peer_list> parse_peer_list(std::string_view text);
std::string to_text(const peer_list& list);

} // namespace skein
