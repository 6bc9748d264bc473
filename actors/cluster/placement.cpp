#include "actors/cluster/placement.hpp"

#include "protocol/check.hpp"

#include <algorithm>
#include <bit>
#include <queue>
#include <tuple>

namespace skein {

namespace {

/// Not always the shards of low numbers move: a multiplication by an odd number visits each number
/// below a power of two once.
std::vector<std::uint32_t> shuffled(std::size_t shards) {
  const std::uint64_t mask = std::bit_ceil(shards) - 1;
  std::vector<std::uint32_t> order;
  order.reserve(shards);
  for (std::uint64_t i = 0; i <= mask; ++i)
    if (const std::uint64_t next = i * 0x9e3779b97f4a7c15ull & mask; next < shards)
      order.push_back(static_cast<std::uint32_t>(next));
  return order;
}

std::vector<std::uint32_t> held_by(const placement& now) {
  std::vector<std::uint32_t> held(now.members.size());
  for (const std::uint32_t owner : now.owners)
    if (owner != no_member)
      ++held.at(owner);
  return held;
}

/// The member with the most room first; of several the first by name.
class rooms {
 public:
  void add(std::uint32_t member, std::uint32_t room) {
    if (room > 0)
      queue_.push({room, ~member});
  }
  /// There must be one.
  std::uint32_t take() {
    SKEIN_CHECK(!queue_.empty());
    const auto [room, member] = queue_.top();
    queue_.pop();
    add(~member, room - 1);
    return ~member;
  }

 private:
  std::priority_queue<std::pair<std::uint32_t, std::uint32_t>> queue_;
};

} // namespace

std::vector<std::uint32_t> fair_shares(const placement& now) {
  std::uint64_t weights = 0;
  for (const placement_member& each : now.members)
    weights += each.leaving ? 0 : each.weight;
  std::vector<std::uint32_t> shares(now.members.size());
  if (weights == 0)
    return shares;
  const std::uint64_t shards = now.owners.size();
  const std::vector<std::uint32_t> held = held_by(now);
  struct claim {
    bool has_more;
    std::uint64_t rest; // of the division, out of `weights`
    std::uint32_t member;
  };
  std::vector<claim> claims; // to one shard more
  std::uint64_t left = shards;
  for (std::uint32_t i = 0; i < shares.size(); ++i) {
    if (now.members[i].leaving)
      continue;
    const std::uint64_t part = shards * now.members[i].weight;
    shares[i] = static_cast<std::uint32_t>(part / weights);
    left -= shares[i];
    if (part % weights != 0)
      claims.push_back({held[i] > shares[i], part % weights, i});
  }
  std::sort(claims.begin(), claims.end(), [](const claim& a, const claim& b) {
    return std::tuple{b.has_more, b.rest, a.member} < std::tuple{a.has_more, a.rest, b.member};
  });
  SKEIN_CHECK(left <= claims.size());
  for (std::uint64_t i = 0; i < left; ++i)
    ++shares[claims[i].member];
  return shares;
}

std::vector<shard_move> moves_to_shares(const placement& now) {
  const std::vector<std::uint32_t> shares = fair_shares(now);
  std::vector<std::uint32_t> held = held_by(now);
  rooms room;
  std::uint64_t all = 0;
  for (std::uint32_t i = 0; i < shares.size(); ++i) {
    all += shares[i];
    room.add(i, shares[i] - std::min(shares[i], held[i]));
  }
  std::vector<shard_move> moves;
  if (all == 0 || held == shares) // nobody is there, or all have what is theirs
    return moves;
  const std::vector<std::uint32_t> order = shuffled(now.owners.size());
  for (const std::uint32_t shard : order)
    if (now.owners[shard] == no_member)
      moves.push_back({static_cast<shard_id>(shard), no_member, no_member});
  for (const std::uint32_t shard : order)
    if (const std::uint32_t owner = now.owners[shard];
        owner != no_member && held[owner] > shares[owner]) {
      --held[owner];
      moves.push_back({static_cast<shard_id>(shard), owner, no_member});
    }
  for (shard_move& each : moves)
    each.to = room.take();
  return moves;
}

} // namespace skein
