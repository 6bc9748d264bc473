// The store port over a journal engine in virtual time, as store_threads is over one in real time:
// what waits becomes one commit, answers and foreign events are told in commit order, readers are
// told apart from the writer. A commit takes effect at one moment and is answered at a later one,
// so that a crash can come in between.
#pragma once

#include "actors/foreign_events.hpp"
#include "actors/ports.hpp"
#include "tests/support/sim_random.hpp"
#include "tests/support/sim_timeline.hpp"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <vector>

namespace skein::test {

struct store_faults {
  duration sync_max{std::chrono::milliseconds{2}};
  duration answer_max{std::chrono::milliseconds{1}}; // from the sync to the answer
  duration read_max{std::chrono::milliseconds{20}};
  double disk_full = 0; // a definite no
  double in_doubt = 0;  // the commit fails in the middle; the process must end
};

class sim_store final : public store_port {
 public:
  struct hooks {
    std::function<instant()> now;
    /// Carries out the commit that began at that time; may answer with an error.
    std::function<result<journal::commit_receipt>(const std::vector<journal::operation>&, instant)>
        commit;
    /// The store is broken: the process must end.
    std::function<void()> fatal;
    /// Shards came whose last commit was then.
    std::function<void(instant)> not_before{};
  };
  sim_store(journal::engine& engine, std::unique_ptr<journal::reader> reader,
            sim_timeline& timeline, sim_random dice, const store_faults& faults,
            std::uint32_t loops, hooks call);

  void submit(loop_no loop, std::vector<journal::operation> batch, committed done) override;
  void attach(loop_no loop, loop_feed feed) override { feeds_[loop] = std::move(feed); }
  std::uint64_t foreign_announced(loop_no loop) const override { return foreign_.announced(loop); }
  void on_commit(std::function<void(commit_no)> listener) override {
    listeners_.push_back(std::move(listener));
  }
  void read(std::function<void(journal::reader&)> work) override;
  void look_up(std::function<void(journal::reader&)> work) override;
  void facts(std::function<void(result<store_facts>)> done) override;
  void adopt(std::vector<journal::held_shard> shards, bool in_order,
             std::function<void(result<void>)> done) override;
  void release(std::vector<shard_id> shards, std::function<void()> done) override;
  void know_agents(std::vector<std::string> names,
                   std::function<void(result<std::vector<std::string>>)> done) override;
  void commit_until(boot_time until) override { commit_until_ = until; }

  /// Commits what is queued, without answers: the orderly end.
  void finish();
  bool broken() const { return broken_; }
  bool is_committing() const { return current_ && !current_->synced; }
  /// Nothing waits for it, or for an answer of it.
  bool idle() const { return !busy_; }
  journal::reader& reader() { return *reader_; }

 private:
  struct request {
    loop_no loop{};
    std::vector<journal::operation> batch;
    committed done;
  };
  struct under_way {
    std::vector<request> requests;
    std::vector<journal::operation> operations;
    instant began = no_instant;
    bool synced = false;
    result<journal::commit_receipt> receipt = errc::internal;
  };
  void begin();
  void sync(std::shared_ptr<under_way> commit);
  void answer(under_way& commit);
  void tell_foreign(loop_no by, const std::vector<journal::operation>& operations,
                    const journal::commit_receipt& receipt);
  std::function<void()> while_alive(std::function<void()> what);

  journal::engine& engine_;
  std::unique_ptr<journal::reader> reader_;
  sim_timeline& timeline_;
  sim_random dice_;
  const store_faults& faults_;
  std::uint32_t loops_;
  foreign_announcer foreign_;
  hooks call_;
  std::deque<request> queue_;
  std::shared_ptr<under_way> current_;
  std::map<loop_no, loop_feed> feeds_;
  boot_time commit_until_ = boot_time::max();
  std::vector<std::function<void(commit_no)>> listeners_;
  boot_time last_read_{};
  boot_time last_look_up_{};
  bool busy_ = false;
  bool broken_ = false;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

} // namespace skein::test
