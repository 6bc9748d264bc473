// Which node is to have which shards. Pure: every node computes the same from the same view of the
// cluster, so that nobody has to lead.
//
// A shard stays where it is unless its node has more than its share. So a node that joins gets its
// share and nothing else moves; of a node that leaves only its own shards move; and shares differ
// from what the weights say by less than one shard.
#pragma once

#include "protocol/ids.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace skein {

struct placement_member {
  std::string name;
  std::uint32_t weight = 1; // at least 1
  bool leaving = false;     // gets nothing and gives all
};

inline constexpr std::uint32_t no_member = ~0u;

struct placement {
  std::vector<placement_member> members; // in order of their names, which differ
  std::vector<std::uint32_t> owners;     // by shard, an index into members or no_member
};

/// How many shards each member is to have: its part by weight, rounded down or up. Who has more
/// already keeps it. All are 0 if everybody leaves.
std::vector<std::uint32_t> fair_shares(const placement& now);

struct shard_move {
  shard_id shard{};
  std::uint32_t from = no_member; // nobody has it
  std::uint32_t to = no_member;
  friend bool operator==(const shard_move&, const shard_move&) = default;
};

/// What makes each have its share: first what nobody has, then what somebody has too much of. Each
/// shard once.
std::vector<shard_move> moves_to_shares(const placement& now);

} // namespace skein
