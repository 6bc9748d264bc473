// A journal that holds its commits back, fails them to order, and keeps count: for the tests of
// what stands in front of it. Everything else goes to the engine behind it.
#pragma once

#include "journal/journal.hpp"

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace skein::test {

class faulty_journal final : public journal::engine {
 public:
  explicit faulty_journal(std::unique_ptr<journal::engine> behind) : behind_{std::move(behind)} {}

  /// The next commits fail so; `none` lets one through.
  void fail_next(std::initializer_list<errc> codes) {
    const std::lock_guard lock{mutex_};
    codes_.insert(codes_.end(), codes);
  }
  /// The same for upkeep.
  void fail_upkeep(std::initializer_list<errc> codes) {
    const std::lock_guard lock{mutex_};
    upkeep_codes_.insert(upkeep_codes_.end(), codes);
  }
  /// Called by whoever works; what the second one says is whether there is more upkeep to do. Set
  /// before the first use.
  void watch(std::function<void()> commit, std::function<bool()> upkeep) {
    on_commit_ = std::move(commit);
    on_upkeep_ = std::move(upkeep);
  }
  /// Commits wait from now on.
  void hold() {
    const std::lock_guard lock{mutex_};
    held_ = true;
  }
  void let_go() {
    const std::lock_guard lock{mutex_};
    held_ = false;
    changed_.notify_all();
  }
  /// Until a commit stands at the gate, or so many have been made.
  void wait_for_commit() {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return waiting_; });
  }
  /// Operations of each commit that was asked for.
  std::vector<std::size_t> commits() const {
    const std::lock_guard lock{mutex_};
    return commits_;
  }
  bool closed() const {
    const std::lock_guard lock{mutex_};
    return closed_;
  }

  using engine::commit;
  result<journal::commit_receipt> commit(journal::batches all, instant now) override {
    errc code = errc::none;
    {
      std::unique_lock lock{mutex_};
      commits_.push_back(journal::count_operations(all));
      waiting_ = true;
      changed_.notify_all();
      changed_.wait(lock, [this] { return !held_; });
      waiting_ = false;
      if (!codes_.empty()) {
        code = codes_.front();
        codes_.pop_front();
      }
    }
    if (code != errc::none)
      return code;
    if (on_commit_)
      on_commit_();
    return behind_->commit(all, now);
  }
  result<void> close() override {
    const std::lock_guard lock{mutex_};
    closed_ = true;
    return behind_->close();
  }

  const journal::store_identity& identity() const override { return behind_->identity(); }
  result<void> recover(const std::function<void(const journal::pending_event&)>& each) override {
    return behind_->recover(each);
  }
  result<agent_no> agent_number(std::string_view name) override {
    return behind_->agent_number(name);
  }
  std::vector<std::string> agent_names() const override { return behind_->agent_names(); }
  result<std::vector<agent_no>> agents_with_state() override {
    return behind_->agents_with_state();
  }
  result<void> adopt(std::span<const journal::held_shard> shards,
                     const std::function<void(const journal::pending_event&)>& each) override {
    return behind_->adopt(shards, each);
  }
  void release(std::span<const shard_id> shards) override { behind_->release(shards); }
  result<void> fence(shard_id shard, epoch_no epoch) override {
    return behind_->fence(shard, epoch);
  }
  result<journal::ledger> events_ledger() override { return behind_->events_ledger(); }
  result<journal::ledger> deliveries_ledger() override { return behind_->deliveries_ledger(); }
  commit_no last_commit() const override { return behind_->last_commit(); }
  instant last_commit_at() const override { return behind_->last_commit_at(); }
  result<std::unique_ptr<journal::reader>> new_reader() override { return behind_->new_reader(); }
  result<bool> upkeep(instant now) override {
    {
      const std::lock_guard lock{mutex_};
      if (!upkeep_codes_.empty()) {
        const errc code = upkeep_codes_.front();
        upkeep_codes_.pop_front();
        if (code != errc::none)
          return code;
      }
    }
    const auto left = behind_->upkeep(now);
    return left && on_upkeep_ ? result<bool>{on_upkeep_()} : left;
  }
  io_counters counters() const override { return behind_->counters(); }
  retention_facts retention() const override { return behind_->retention(); }
  std::vector<std::string> take_notes() override { return behind_->take_notes(); }

 private:
  std::unique_ptr<journal::engine> behind_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<errc> codes_;
  std::deque<errc> upkeep_codes_;
  std::vector<std::size_t> commits_;
  std::function<void()> on_commit_;
  std::function<bool()> on_upkeep_;
  bool held_ = false;
  bool waiting_ = false;
  bool closed_ = false;
};

} // namespace skein::test
