#include "actors/cluster/placement.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <numeric>
#include <set>

using namespace skein;

namespace {

placement of(std::size_t nodes, std::size_t shards, std::uint32_t weight = 1) {
  placement all;
  for (std::size_t i = 0; i < nodes; ++i)
    all.members.push_back({"n" + std::to_string(1000 + i), weight});
  all.owners.assign(shards, no_member);
  return all;
}

std::size_t settle(placement& all) {
  const auto moves = moves_to_shares(all);
  std::set<shard_id> once;
  for (const shard_move& each : moves) {
    REQUIRE(all.owners[raw(each.shard)] == each.from);
    REQUIRE(each.to < all.members.size());
    REQUIRE(once.insert(each.shard).second);
    all.owners[raw(each.shard)] = each.to;
  }
  return moves.size();
}

std::vector<std::size_t> counts(const placement& all) {
  std::vector<std::size_t> held(all.members.size());
  for (const std::uint32_t owner : all.owners)
    ++held.at(owner);
  return held;
}

void check_even(const placement& all) {
  std::uint64_t weights = 0;
  for (const auto& each : all.members)
    weights += each.leaving ? 0 : each.weight;
  const auto held = counts(all);
  for (std::size_t i = 0; i < held.size(); ++i) {
    const double part = all.members[i].leaving
                            ? 0
                            : static_cast<double>(all.owners.size()) * all.members[i].weight /
                                  static_cast<double>(weights);
    CHECK(static_cast<double>(held[i]) > part - 1);
    CHECK(static_cast<double>(held[i]) < part + 1);
  }
}

/// A member joins in its place by name.
void join(placement& all, placement_member member) {
  const auto at = std::lower_bound(all.members.begin(), all.members.end(), member,
                                   [](const auto& a, const auto& b) { return a.name < b.name; });
  const auto index = static_cast<std::uint32_t>(at - all.members.begin());
  for (std::uint32_t& owner : all.owners)
    if (owner != no_member && owner >= index)
      ++owner;
  all.members.insert(at, std::move(member));
}

/// A member is gone.
void lose(placement& all, std::uint32_t index) {
  for (std::uint32_t& owner : all.owners)
    owner = owner == no_member || owner == index ? no_member : owner > index ? owner - 1 : owner;
  all.members.erase(all.members.begin() + index);
}

} // namespace

TEST_CASE("shards are spread evenly, and what is even stays as it is", "[placement]") {
  for (const std::size_t shards : std::vector<std::size_t>{1, 7, 256, 4'096})
    for (const std::size_t nodes : std::vector<std::size_t>{1, 2, 3, 5, 8, 16, 33, 64}) {
      placement all = of(nodes, shards);
      CHECK(settle(all) == shards);
      check_even(all);
      CHECK(settle(all) == 0);
    }
}

TEST_CASE("a node that joins gets its share, and nothing else moves", "[placement]") {
  for (const std::size_t shards : std::vector<std::size_t>{256, 4'096}) {
    placement all = of(1, shards);
    settle(all);
    for (std::size_t nodes = 2; nodes <= 64; ++nodes) {
      const std::string name = "m" + std::to_string(nodes * 37 % 64);
      join(all, {name, 1});
      const auto moves = moves_to_shares(all);
      for (const shard_move& each : moves)
        CHECK(all.members[each.to].name == name);
      CHECK(moves.size() <= (shards + nodes - 1) / nodes);
      settle(all);
      check_even(all);
    }
  }
}

TEST_CASE("of a node that goes only its own shards move", "[placement]") {
  placement all = of(64, 4'096);
  settle(all);
  for (std::uint32_t nodes = 64; nodes > 1; --nodes) {
    const std::uint32_t gone = nodes * 31 % nodes;
    const std::size_t had = counts(all)[gone];
    lose(all, gone);
    CHECK(settle(all) == had);
    check_even(all);
  }
}

TEST_CASE("a node that leaves gives all, and takes nothing", "[placement]") {
  placement all = of(3, 256);
  settle(all);
  all.members[1].leaving = true;
  const std::size_t had = counts(all)[1];
  CHECK(settle(all) == had);
  CHECK(counts(all)[1] == 0);
  check_even(all);
  for (auto& each : all.members)
    each.leaving = true;
  CHECK(moves_to_shares(all).empty()); // nobody is there to take anything
}

TEST_CASE("shares follow the weights", "[placement]") {
  placement all = of(3, 256);
  all.members[0].weight = 2;
  settle(all);
  CHECK(counts(all) == std::vector<std::size_t>{128, 64, 64});
  all.members[2].weight = 1'000;
  settle(all);
  check_even(all);
  placement odd = of(5, 4'096);
  for (std::uint32_t i = 0; i < 5; ++i)
    odd.members[i].weight = i * i + 1;
  settle(odd);
  check_even(odd);
}

TEST_CASE("who has the odd shard keeps it", "[placement]") {
  placement all = of(3, 256);
  for (std::uint32_t shard = 0; shard < 256; ++shard)
    all.owners[shard] = shard < 85 ? 0 : shard < 170 ? 1 : 2; // 85, 85, 86
  CHECK(moves_to_shares(all).empty());
}
