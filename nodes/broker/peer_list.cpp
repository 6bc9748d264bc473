#include "nodes/broker/peer_list.hpp"

#include "nodes/broker/curve_key.hpp"
#include "protocol/limits.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace skein {

namespace {

constexpr std::array roles{std::pair{peer_role::node, std::string_view{"node"}}};

bool is_peer_name(std::string_view name) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return !name.empty() && name.size() <= limits::agent_name_bytes_max && plain(name[0]) &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return plain(c) || c == '-' || c == '_'; });
}

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  while (true) {
    line.remove_prefix(std::min(line.find_first_not_of(" \t\r"), line.size()));
    if (line.empty())
      return words;
    words.push_back(line.substr(0, line.find_first_of(" \t\r")));
    line.remove_prefix(words.back().size());
  }
}

result<allowed_peer> parse_line(std::string_view line) {
  const auto words = words_of(line);
  if (words.size() != 4)
    return error{errc::invalid_config, "must be a name, a role, a public key and a time"};
  const auto role = parse_peer_role(words[1]);
  if (!role)
    return error{errc::invalid_config, "the role must be node"};
  const auto since = parse_rfc3339(words[3]);
  if (!since)
    return error{errc::invalid_config, "the last word must be a time"};
  return allowed_peer{std::string{words[0]}, *role, std::string{words[2]}, *since};
}

} // namespace

std::string_view to_string(peer_role role) {
  for (const auto& [each, text] : roles)
    if (each == role)
      return text;
  return "unknown";
}

std::optional<peer_role> parse_peer_role(std::string_view text) {
  for (const auto& [role, each] : roles)
    if (each == text)
      return role;
  return std::nullopt;
}

const allowed_peer* find_by_key(const peer_list& list, std::string_view key) {
  for (const auto& [name, each] : list)
    if (each.key == key)
      return &each;
  return nullptr;
}

result<bool> allow_peer(peer_list& list, allowed_peer peer) {
  if (!is_peer_name(peer.name))
    return error{errc::invalid_argument,
                 "A peer's name is a letter or digit, then letters, digits, "
                 "'-' or '_', 64 in all, as the node's own."};
  if (!is_curve_key(peer.key))
    return error{errc::invalid_argument,
                 "A public key has 40 characters; the peer's 'skein peer create' prints it."};
  const auto present = list.find(peer.name);
  if (present != list.end() && present->second.key == peer.key && present->second.role == peer.role)
    return false;
  if (present != list.end())
    return error{errc::state_conflict,
                 "The peer " + peer.name + " is there with another key or role; revoke it first."};
  if (const allowed_peer* other = find_by_key(list, peer.key); other != nullptr)
    return error{errc::state_conflict, "The peer " + other->name + " has that key."};
  if (list.size() >= limits::peers_max)
    return error{errc::no_capacity, "There are " + std::to_string(list.size()) + " peers already."};
  std::string name = peer.name;
  list.emplace(std::move(name), std::move(peer));
  return true;
}

result<allowed_peer> revoke_peer(peer_list& list, std::string_view name) {
  const auto found = list.find(name);
  if (found == list.end())
    return error{errc::not_found, "There is no peer " + std::string{name} + "."};
  allowed_peer gone = std::move(found->second);
  list.erase(found);
  return gone;
}

result<peer_list> parse_peer_list(std::string_view text) {
  peer_list list;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos || line.starts_with('#'))
      continue;
    auto peer = parse_line(line);
    result<bool> added = peer ? allow_peer(list, *peer) : peer.error();
    if (added && !*added)
      added = error{errc::invalid_config, "the same peer as in another line"};
    if (!added)
      return error{errc::invalid_config,
                   "line " + std::to_string(number) + ": " + added.error().detail};
  }
  return list;
}

std::string to_text(const peer_list& list) {
  std::string text = "# Who may connect to this node: name role public-key since\n";
  for (const auto& [name, each] : list)
    text.append(name)
        .append(1, ' ')
        .append(to_string(each.role))
        .append(1, ' ')
        .append(each.key)
        .append(1, ' ')
        .append(format_rfc3339(each.since))
        .append(1, '\n');
  return text;
}

} // namespace skein
