// lookups: the nodes of a store, and which shard is whose.
#include "actors/arguments.hpp"
#include "actors/cluster/keeper_desk.hpp"
#include "actors/lookups.hpp"
#include "protocol/raw_json.hpp"

#include <algorithm>
#include <utility>

namespace skein {

using nlohmann::json;

namespace {

/// How many shards each node has, in the order of `owners.nodes`; and how many nobody has.
std::pair<std::vector<std::uint32_t>, std::uint32_t> shares(const shard_owners& owners) {
  std::vector<std::uint32_t> held(owners.nodes.size());
  std::uint32_t nobodys = 0;
  for (const std::uint32_t owner : owners.owners)
    ++(owner < held.size() ? held[owner] : nobodys);
  return {std::move(held), nobodys};
}

json or_null(const std::string& text) { return text.empty() ? json(nullptr) : json(text); }

} // namespace

json lookups::cluster_view() const {
  const lease_facts known = sources_.leases->read();
  const auto [held, nobodys] = shares(known.owners);
  json nodes = json::array();
  for (std::size_t i = 0; i < held.size(); ++i)
    nodes.push_back({{"node", known.owners.nodes[i]}, {"shards", held[i]}});
  return {{"nodes", std::move(nodes)},
          {"unowned", nobodys},
          {"held", known.held},
          {"taken", known.counted.taken},
          {"given", known.counted.given},
          {"lost", known.counted.lost},
          {"keeper", or_null(keeper_of(known.owners))}};
}

/// A node with a store of its own is all there is.
json lookups::nodes_view() const {
  const std::string& self = sources_.settings.node;
  if (!sources_.leases)
    return {{"nodes",
             {{{"node", self},
               {"self", true},
               {"state", "up"},
               {"shards", sources_.shards},
               {"weight", nullptr},
               {"broker", nullptr},
               {"keeper", true}}}},
            {"shards", sources_.shards},
            {"unowned", 0},
            {"keeper", self}};
  const lease_facts known = sources_.leases->read();
  const auto [held, nobodys] = shares(known.owners);
  const std::string keeper = keeper_of(known.owners);
  json nodes = json::array();
  for (const lease_member& each : known.members) {
    const auto at = std::find(known.owners.nodes.begin(), known.owners.nodes.end(), each.node);
    const auto index = static_cast<std::size_t>(at - known.owners.nodes.begin());
    nodes.push_back({{"node", each.node},
                     {"self", each.node == self},
                     {"state", each.leaving ? "draining" : "up"},
                     {"shards", index < held.size() ? held[index] : 0u},
                     {"weight", each.weight},
                     {"broker", or_null(each.address)},
                     {"keeper", each.node == keeper}});
  }
  return {{"nodes", std::move(nodes)},
          {"shards", sources_.shards},
          {"unowned", nobodys},
          {"keeper", or_null(keeper)}};
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
      return sources_.settings.node;
    const bool is_known = shard < owners.owners.size() && owners.owners[shard] != no_member;
    return is_known ? owners.nodes.at(owners.owners[shard]) : std::string{};
  };
  json rows = json::array();
  const std::uint64_t first = *after ? **after + 1 : 0;
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
