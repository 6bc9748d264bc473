// Who is there, and who owns which shard, in a store that several nodes share.
//
//   member   a node's process (owner = "node:boot nonce") that was heard of within its time to live
//   lease    a shard's owner, until when, and the epoch, which grows with each owner. One that is
//            over may be taken by anybody; what its owner still commits then is refused, as the
//            taker's epoch is fenced in before the lease counts as taken
//
// Time is the store's alone. A caller that keeps its own clock before and after a call knows the
// store's then: `at` was read in between. It must stop what it owns before a lease can be over:
// counted from before the call that took or renewed it.
// One thread; not the one that commits: each has its connection.
#pragma once

#include "journal/journal.hpp"
#include "protocol/ids.hpp"
#include "protocol/result.hpp"
#include "protocol/time.hpp"

#include <span>
#include <string>
#include <vector>

namespace skein::journal {

/// What a node says of itself.
struct member_info {
  std::string node;
  std::string boot; // nonce: of each process another one
  std::string address;
  std::uint32_t weight = 1; // at least 1
  std::string zone;
  std::string owner() const { return node + ":" + boot; }
  friend bool operator==(const member_info&, const member_info&) = default;
};

struct live_member {
  member_info who;
  instant until = no_instant;
  bool leaving = false; // takes nothing any more
};

struct shard_lease {
  shard_id shard{};
  epoch_no epoch{};           // 0: never taken
  std::string owner;          // the last one, if it is over
  instant until = no_instant; // none: given up in order, or never taken
};

struct taken_shard {
  held_shard held;
  bool in_order = false; // its last owner released it, or it had none: nothing of it was running
};

/// For engine::adopt().
inline std::vector<held_shard> held_of(std::span<const taken_shard> taken) {
  std::vector<held_shard> all;
  for (const taken_shard& each : taken)
    all.push_back(each.held);
  return all;
}

/// Of one moment.
struct cluster_view {
  instant at = no_instant;          // the store's time, read while the call ran
  std::vector<live_member> members; // in order of owner
  std::vector<shard_lease> leases;  // one a shard, in order
};

/// Errors: store_unreachable (try again; what is held may be lost meanwhile), io_error, internal.
class lease_store {
 public:
  virtual ~lease_store() = default;

  /// This member is there for `ttl` from now. Who has not been heard of in time is no member.
  virtual result<cluster_view> heartbeat(duration ttl, bool leaving) = 0;
  /// Takes those of the shards whose leases are over; waits for commits that their owners have
  /// under way. What others hold, or take at this moment, is left out. A shard that this owner
  /// holds already is not taken again.
  virtual result<std::vector<taken_shard>> take(std::span<const shard_id> shards, duration ttl) = 0;
  /// All that this owner holds and nobody has taken, until `ttl` from now: even one whose time was
  /// over. What is not told any more is lost.
  virtual result<std::vector<held_shard>> renew(duration ttl) = 0;
  /// They may be taken at once. The engine must have released them.
  virtual result<void> release(std::span<const shard_id> shards) = 0;
  /// No member any more. Leases stay as they are.
  virtual result<void> leave() = 0;
};

} // namespace skein::journal
