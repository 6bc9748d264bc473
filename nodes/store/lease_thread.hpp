// The lease port in the real world: a thread of its own with a connection of its own, so that
// neither a long commit nor a look-up holds up a renewal.
#pragma once

#include "actors/ports.hpp"
#include "nodes/store/owner_thread.hpp"

#include <functional>
#include <memory>

namespace skein {

class lease_thread final : public lease_port {
 public:
  /// What the store's clock said, at some moment between these two; on the thread.
  using listener = std::function<void(instant at, boot_time asked, boot_time answered)>;
  lease_thread(std::unique_ptr<journal::lease_store> leases, const clock_port& clock,
               listener heard = {});
  ~lease_thread() override;

  void start();
  /// Answers what was asked, tells the store that this node is gone, and ends. No call afterwards.
  void close();

  void beat_now(duration ttl, bool leaving, std::function<void(beat)> done) override;
  void take(std::vector<shard_id> shards, duration ttl,
            std::function<void(result<std::vector<journal::taken_shard>>)> done) override;
  void release(std::vector<shard_id> shards, std::function<void(result<void>)> done) override;

 private:
  const clock_port& clock_;
  listener heard_;
  owner_thread<journal::lease_store> thread_;
  bool started_ = false;
};

} // namespace skein
