// A store that several nodes share, of any engine that can be shared: each node is an engine and
// its leases. Time passes by saying so.
#pragma once

#include "journal/lease_store.hpp"
#include "tests/journal/store_fixture.hpp"

namespace skein::test {

/// Of the leases that nodes take: no machine is so slow that one is over before its time.
inline constexpr std::chrono::hours lease_time{1};
inline constexpr std::chrono::minutes lease_over{61};

/// Where several nodes meet.
class shared_place {
 public:
  virtual ~shared_place() = default;
  virtual result<std::unique_ptr<engine>> open(const member_info& who,
                                               const open_options& options) = 0;
  virtual result<std::unique_ptr<lease_store>> open_leases(const member_info& who) = 0;
  /// The store's time, for leases and members.
  virtual void pass(duration time) = 0;
};

struct shared_kind {
  std::string name;
  std::function<std::unique_ptr<shared_place>()> make;
};
std::ostream& operator<<(std::ostream& out, const shared_kind& kind);
std::vector<shared_kind> all_shared_engines();

/// A node on such a place; its process may have died (nobody closes it then).
class shared_node {
 public:
  shared_node(shared_place& place, const std::string& name, open_options options = {});

  engine& operator*() { return *engine_; }
  engine* operator->() { return engine_.get(); }
  lease_store& leases() { return *leases_; }
  skein::journal::reader& reader() { return *reader_; }

  /// Takes what is free of these and adopts it; tells what was pending.
  std::vector<pending_event> take(std::span<const shard_id> shards);
  std::vector<pending_event> take_all() { return take(every_shard(256)); }
  /// In order: others may take them at once.
  void give_up(std::span<const shard_id> shards);
  epoch_no epoch_of(shard_id shard) const { return epochs_.at(shard); }

  /// With the epoch at which this node took the shard.
  accept_op accept(const event_words& words);
  finish_op finish(delivery_id delivery);
  std::vector<op_result> commit(std::vector<operation> batch);
  op_result one(operation op) { return commit({std::move(op)}).at(0); }
  event_id add(const event_words& words);

  instant now = from_ns(1'700'000'000'000'000'000);

 private:
  std::unique_ptr<engine> engine_;
  std::unique_ptr<lease_store> leases_;
  std::unique_ptr<skein::journal::reader> reader_;
  std::map<shard_id, epoch_no> epochs_;
};

} // namespace skein::test
