// lookups: the nodes of a store, and which shard is whose.
#include "actors/arguments.hpp"
#include "actors/cluster/keeper_desk.hpp"
#include "actors/lookups.hpp"
#include "protocol/raw_json.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace skein {

using nlohmann::json;

namespace {

/// How many shards each node has, by name; and how many nobody has.
std::pair<std::map<std::string, std::uint32_t>, std::uint32_t> shares(const shard_owners& owners) {
  std::map<std::string, std::uint32_t> held;
  for (const std::string& each : owners.nodes)
    held.try_emplace(each, 0);
  std::uint32_t nobodys = 0;
  for (const std::uint32_t owner : owners.owners)
    ++(owner < owners.nodes.size() ? held[owners.nodes[owner]] : nobodys);
  return {std::move(held), nobodys};
}

/// Behind that what the store said last of the nodes may be true no more.
constexpr duration stale_after = 2 * limits::lease_ttl;

json or_null(const std::string& text) { return text.empty() ? json(nullptr) : json(text); }

} // namespace

json lookups::cluster_view() const {
  const lease_facts known = sources_.leases->read();
  const auto [held, nobodys] = shares(known.owners);
  json nodes = json::array();
  for (const auto& [node, shards] : held)
    nodes.push_back({{"node", node}, {"shards", shards}});
  return {{"nodes", std::move(nodes)},
          {"unowned", nobodys},
          {"held", known.held},
          {"taken", known.counted.taken},
          {"given", known.counted.given},
          {"lost", known.counted.lost},
          {"keeper", or_null(keeper_of(known.owners))}};
}

/// What a node has told of its configuration; empty: nothing of late.
std::optional<config_facts::generation> lookups::config_of(const config_facts& known,
                                                           const std::string& node) const {
  const auto found = known.nodes.find(node);
  if (found == known.nodes.end() ||
      (node != sources_.node &&
       found->second.heard + config_known_for < sources_.clock->now().boot))
    return std::nullopt;
  return found->second;
}

void lookups::add_config(json& row, const config_facts& known, const std::string& node) const {
  const auto of = config_of(known, node);
  row["generation"] = of ? json(of->number) : json(nullptr);
  row["config"] = of ? json(of->hash) : json(nullptr);
}

json lookups::is_config_equal(const config_facts& known) const {
  std::set<std::string> nodes{sources_.node};
  if (sources_.leases)
    for (const lease_member& each : sources_.leases->read().members)
      nodes.insert(each.node);
  std::set<std::string> hashes;
  for (const std::string& each : nodes) {
    const auto of = config_of(known, each);
    if (!of)
      return nullptr;
    hashes.insert(of->hash);
  }
  return hashes.size() == 1;
}

/// For the status.
json lookups::config_view() const {
  const config_facts known = sources_.config->read();
  json view = json::parse(known.own.empty() ? "{}" : known.own);
  view["equal"] = is_config_equal(known);
  return view;
}

/// A node with a store of its own is all there is.
json lookups::nodes_view() const {
  const std::string& self = sources_.node;
  const config_facts configs = sources_.config->read();
  if (!sources_.leases) {
    json row{{"node", self},      {"self", true},      {"state", "up"}, {"shards", sources_.shards},
             {"weight", nullptr}, {"broker", nullptr}, {"keeper", true}};
    add_config(row, configs, self);
    return {{"nodes", json::array({std::move(row)})},
            {"shards", sources_.shards},
            {"unowned", 0},
            {"config_equal", is_config_equal(configs)},
            {"keeper", self}};
  }
  const lease_facts known = sources_.leases->read();
  const auto [held, nobodys] = shares(known.owners);
  const std::string keeper = keeper_of(known.owners);
  json nodes = json::array();
  for (const lease_member& each : known.members) {
    const auto shards = held.find(each.node);
    nodes.push_back({{"node", each.node},
                     {"self", each.node == self},
                     {"state", each.leaving ? "draining" : "up"},
                     {"shards", shards == held.end() ? 0u : shards->second},
                     {"weight", each.weight},
                     {"broker", or_null(each.address)},
                     {"keeper", each.node == keeper}});
    add_config(nodes.back(), configs, each.node);
  }
  json all{{"nodes", std::move(nodes)},
           {"shards", sources_.shards},
           {"unowned", nobodys},
           {"config_equal", is_config_equal(configs)},
           {"keeper", or_null(keeper)}};
  if (const duration silence = sources_.clock->now().boot - known.heard; silence > stale_after)
    all["stale_s"] = std::chrono::duration_cast<std::chrono::seconds>(silence).count();
  return all;
}

void lookups::describe_node(const json& arguments, reply done) const {
  const std::string name = said(arguments, "node");
  const json all = nodes_view();
  for (const json& each : all["nodes"])
    if (each["node"] == name)
      return done({errc::none, each.dump()});
  done({errc::not_found, "no node is named '" + name + "', or it is down"});
}

/// A page of shards in their order; of one node if it is named.
void lookups::list_shards(const json& arguments, reply done) const {
  const auto limit = limit_of(arguments);
  const auto after = number_of(arguments, "after");
  if (!limit || !after) {
    const error& wrong = limit ? after.error() : limit.error();
    return done({wrong.code, wrong.detail});
  }
  const auto wanted = text_of(arguments, "node");
  const shard_owners owners = sources_.leases ? sources_.leases->read().owners : shard_owners{};
  const auto owner_of = [&](std::uint32_t shard) -> std::string {
    if (!sources_.leases)
      return sources_.node;
    const bool is_known = shard < owners.owners.size() && owners.owners[shard] != no_member;
    return is_known ? owners.nodes.at(owners.owners[shard]) : std::string{};
  };
  json rows = json::array();
  const std::uint64_t first = *after ? std::min<std::uint64_t>(**after, sources_.shards) + 1 : 0;
  std::uint64_t shard = std::min<std::uint64_t>(first, sources_.shards);
  for (; shard < sources_.shards && rows.size() < *limit; ++shard)
    if (const std::string node = owner_of(static_cast<std::uint32_t>(shard));
        !wanted || node == *wanted)
      rows.push_back({{"shard", shard}, {"node", or_null(node)}});
  json body{{"shards", std::move(rows)}};
  if (shard < sources_.shards)
    body["next"] = std::to_string(shard - 1);
  done({errc::none, body.dump()});
}

} // namespace skein
