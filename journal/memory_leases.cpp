#include "journal/memory_leases.hpp"

#include "journal/memory_store.hpp"

#include <utility>

namespace skein::journal {

namespace {

class memory_leases final : public lease_store {
 public:
  memory_leases(std::shared_ptr<memory_store> store, const member_info& who,
                std::function<instant()> clock)
    : store_{std::move(store)}, who_{who}, owner_{who.owner()}, clock_{std::move(clock)} {}

  result<cluster_view> heartbeat(duration ttl, bool leaving) override {
    const std::scoped_lock hold{store_->mutex};
    const instant now = clock_();
    store_->members[owner_] = {who_, now + ttl, leaving};
    std::erase_if(store_->members, [now](const auto& each) { return each.second.until < now; });
    cluster_view view{.at = now, .members = {}, .leases = {}};
    for (const auto& [owner, member] : store_->members)
      view.members.push_back(member);
    for (std::uint32_t shard = 0; shard < store_->leases.size(); ++shard) {
      const memory_lease& each = store_->leases[shard];
      view.leases.push_back({shard_id{shard}, each.epoch, each.owner, each.until});
    }
    return view;
  }

  result<std::vector<taken_shard>> take(std::span<const shard_id> shards, duration ttl) override {
    const std::scoped_lock hold{store_->mutex};
    const instant now = clock_();
    std::vector<taken_shard> taken;
    for (const shard_id each : shards) {
      SKEIN_CHECK(raw(each) < store_->leases.size());
      memory_lease& lease = store_->leases[raw(each)];
      if (lease.until >= now)
        continue;
      const bool in_order = lease.until == no_instant;
#ifdef SKEIN_BUG_EPOCH_REUSED
      const std::uint64_t step = raw(lease.epoch) == 0 ? 1 : 0;
#else
      constexpr std::uint64_t step = 1;
#endif
      lease = {epoch_no{raw(lease.epoch) + step}, owner_, now + ttl};
      taken.push_back({{each, lease.epoch}, in_order});
    }
    return taken;
  }

  result<std::vector<held_shard>> renew(duration ttl) override {
    const std::scoped_lock hold{store_->mutex};
    const instant now = clock_();
    std::vector<held_shard> held;
    for (std::uint32_t shard = 0; shard < store_->leases.size(); ++shard) {
      memory_lease& lease = store_->leases[shard];
      if (lease.owner != owner_ || lease.until == no_instant)
        continue;
      lease.until = now + ttl;
      held.push_back({shard_id{shard}, lease.epoch});
    }
    return held;
  }

  result<void> release(std::span<const shard_id> shards) override {
    const std::scoped_lock hold{store_->mutex};
    for (const shard_id each : shards)
      if (memory_lease& lease = store_->leases.at(raw(each)); lease.owner == owner_)
        lease.until = no_instant;
    return {};
  }

  result<void> leave() override {
    const std::scoped_lock hold{store_->mutex};
    store_->members.erase(owner_);
    return {};
  }

 private:
  std::shared_ptr<memory_store> store_;
  member_info who_;
  std::string owner_;
  std::function<instant()> clock_;
};

} // namespace

std::unique_ptr<lease_store> open_memory_leases(std::shared_ptr<memory_store> store,
                                                const member_info& who,
                                                std::function<instant()> clock) {
  return std::make_unique<memory_leases>(std::move(store), who, std::move(clock));
}

} // namespace skein::journal
