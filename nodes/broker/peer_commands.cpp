#include "nodes/broker/peer_commands.hpp"

#include "nodes/broker/peer_files.hpp"
#include "protocol/raw_json.hpp"
#include "protocol/text.hpp"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

namespace skein {

namespace {

using json = nlohmann::ordered_json;

json row_of(const allowed_peer& peer) {
  return {{"peer", peer.name},
          {"role", std::string{to_string(peer.role)}},
          {"key", peer.key},
          {"allowed", format_rfc3339(peer.since)}};
}

/// A dry run works on the list and does not write it.
result<bool> change(const peer_command& command,
                    const std::function<result<bool>(peer_list&)>& what) {
  if (!command.dry_run)
    return change_peers(command.folder, what);
  auto list = load_peers(command.folder);
  return list ? what(*list) : list.error();
}

/// up, down, no-key (it may not come in, so nobody connects to it), no-address (it may come in, but
/// where it is is not known here).
std::string state_of(const peer_facts& peer, bool keys) {
  if (peer.up)
    return "up";
  if (keys && !peer.allowed)
    return "no-key";
  return peer.endpoint.empty() ? "no-address" : "down";
}

json text_or_null(const std::string& text) { return text.empty() ? json{} : json(text); }

json row_of(const peer_facts& peer, bool keys, instant now) {
  json row{{"peer", peer.name}, {"state", state_of(peer, keys)}};
  row["since"] = peer.up ? json(format_rfc3339(start_of_second(now - peer.up_for))) : json{};
  row["heard"] = peer.heard;
  row["address"] = text_or_null(peer.endpoint);
  row["role"] = peer.allowed ? json(std::string{to_string(peer.allowed->role)}) : json{};
  row["key"] = peer.allowed ? json(peer.allowed->key) : json{};
  row["allowed"] = peer.allowed ? json(format_rfc3339(peer.allowed->since)) : json{};
  row["boot"] = peer.boot == 0 ? json{} : json(hex_of(peer.boot));
  row["version"] = peer.version == 0 ? json{} : json(peer.version);
  row["speaks"] = peer.highest == 0 ? json{} : json::array({peer.lowest, peer.highest});
  row["rtt_us"] =
      peer.up ? json(std::chrono::duration_cast<std::chrono::microseconds>(peer.rtt).count())
              : json{};
  row["frames_out"] = peer.counted.frames_out;
  row["frames_in"] = peer.counted.frames_in;
  row["bytes_out"] = peer.counted.bytes_out;
  row["bytes_in"] = peer.counted.bytes_in;
  row["not_sent"] = peer.counted.not_sent;
  row["refused"] = peer.counted.refused;
  return row;
}

} // namespace

result<std::string> allow_peer_in(const peer_command& command) {
  const auto role = parse_peer_role(command.role);
  if (!role)
    return error{errc::invalid_argument, "A peer's role is node."};
  json row;
  const auto changed = change(command, [&](peer_list& list) {
    auto done = allow_peer(list, {command.peer, *role, command.key, command.now});
    if (done)
      row = row_of(list.at(command.peer));
    return done;
  });
  if (!changed)
    return changed.error();
  row["changed"] = *changed && !command.dry_run;
  return write_json(row);
}

result<std::string> revoke_peer_in(const peer_command& command) {
  json row;
  const auto changed = change(command, [&](peer_list& list) -> result<bool> {
    const auto gone = revoke_peer(list, command.peer);
    if (!gone)
      return gone.error();
    row = row_of(*gone);
    return true;
  });
  if (!changed)
    return changed.error();
  row["revoked"] = !command.dry_run;
  return write_json(row);
}

result<std::string> list_peers_in(const std::string& folder) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder, ignored))
    return error{errc::not_found, "There is no folder " + folder + "."};
  const auto list = load_peers(folder);
  if (!list)
    return list.error();
  const auto keys = load_peer_key(folder);
  if (!keys)
    return keys.error();
  json rows = json::array();
  for (const auto& [name, peer] : *list)
    rows.push_back(row_of(peer));
  return write_json(
      json{{"key", *keys ? json((*keys)->public_key) : json{}}, {"peers", std::move(rows)}});
}

std::string list_peers_of(const std::string& node, const mesh_facts& facts, instant now) {
  json rows = json::array();
  for (const peer_facts& each : facts.peers)
    rows.push_back(row_of(each, !facts.key.empty(), now));
  json refused = json::object();
  for (std::size_t i = 0; i < refusals; ++i)
    refused[std::string{to_string(static_cast<refusal>(i))}] = facts.refused[i];
  return write_json(json{{"node", node},
                         {"address", text_or_null(facts.endpoint)},
                         {"key", text_or_null(facts.key)},
                         {"boot", facts.boot == 0 ? json{} : json(hex_of(facts.boot))},
                         {"version", protocol_version},
                         {"peers", std::move(rows)},
                         {"refused", std::move(refused)},
                         {"connections", facts.accepted},
                         {"cut", facts.cut}});
}

} // namespace skein
