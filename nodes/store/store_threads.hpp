// The journal behind the store port: one thread that writes, two that read.
//
//   submit() --> queue --> writer: gathers all that waits into one commit
//                            --> foreign events and answers of each submit, listeners, in commit
//                            order
//   read()    --> skein-reader     bodies and states that turns wait for
//   look_up() --> skein-look-up    what may scan a lot, and the stream
//
// While one commit syncs, the next one gathers: that is the whole group commit. The queue is
// bounded by what the gateway and the agents' slots let be in flight.
//
// A commit that the journal refuses (journal::is_refusal) was a definite no, and the next one is
// tried. When a full disk refused what was gathered of several submits, each of them is tried
// alone: a large one must not take the small ones with it. (Loops see to the same within a submit:
// while the store refuses, each request is a submit of its own.) Before that the ballast is given
// up, if there is any, and the same commit tried again. After any other error the outcome
// is unknown: the writer answers so, calls `fatal` once, and commits no more: the process must stop
// and find out from the disk (a failed sync is never repeated).
#pragma once

#include "actors/foreign_events.hpp"
#include "actors/ports.hpp"
#include "nodes/store/disk_watch.hpp"
#include "nodes/store/owner_thread.hpp"
#include "protocol/limits.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

namespace skein {

/// Bodies, replies and states of one transaction. A loop's submits are far smaller.
inline constexpr std::size_t commit_bytes_max = 64 << 20;
static_assert(limits::batch_bytes_max <= commit_bytes_max);

class store_threads final : public store_port {
 public:
  struct readers {
    std::unique_ptr<journal::reader> of_turns;
    std::unique_ptr<journal::reader> of_look_ups;
  };
  /// Called on the writer's thread.
  struct calls {
    std::function<void(error)> fatal; // the process must end
    /// Upkeep was put off by this; said once, and again with errc::none when it was made up for.
    std::function<void(error)> upkeep;
    /// What the engine has to say, a sentence; may be empty.
    std::function<void(std::string)> note{};
    /// What could not be read, as watched_reader tells it; on the thread that reads.
    std::function<void(error)> unreadable{};
    /// Shards came whose last commit was then: engine time is not below it from now on.
    std::function<void(instant)> not_before{};
  };

  /// `engine` and `disk` are used by the writer alone from start() until close(). `loops`: a
  /// shard's loop is (shard mod loops). `disk` may be absent.
  store_threads(journal::engine& engine, readers opened, const clock_port& clock,
                std::uint32_t loops, calls call, disk_watch* disk = nullptr);
  ~store_threads() override;

  void start();
  /// Finishes what is queued, then closes the journal in order. No call afterwards.
  result<void> close();

  void submit(loop_no loop, std::vector<journal::operation> batch, committed done) override;
  void attach(loop_no loop, loop_feed feed) override;
  std::uint64_t foreign_announced(loop_no loop) const override { return foreign_.announced(loop); }
  void on_commit(std::function<void(commit_no)> listener) override;
  void read(std::function<void(journal::reader&)> work) override;
  void look_up(std::function<void(journal::reader&)> work) override;
  void facts(std::function<void(result<store_facts>)> done) override;
  void adopt(std::vector<journal::held_shard> shards, bool in_order,
             std::function<void(result<void>)> done) override;
  void release(std::vector<shard_id> shards, std::function<void()> done) override;
  void know_agents(std::vector<std::string> names,
                   std::function<void(result<std::vector<std::string>>)> done) override;
  void commit_until(boot_time until) override {
    commit_until_.store(until);
#ifdef SKEIN_BUG_LEASE_BY_WALL_CLOCK
    const moment now = clock_.now();
    commit_until_wall_.store(now.wall + (until - now.boot));
#endif
  }

 private:
  struct request {
    loop_no loop{};
    std::vector<journal::operation> batch;
    std::size_t bytes = 0;
    committed done;
  };
  using fact_call = std::function<void(result<store_facts>)>;
  /// What the writer does in one round.
  struct round {
    std::vector<request> requests;
    std::vector<fact_call> fact_calls;
    std::vector<std::function<void()>> shard_calls; // of shards and agents, before the requests
    bool closing = false;
  };

  void write_loop();
  round next_round(bool wait);
  void queue_shard_call(std::function<void()> call);
  void commit_gathered(std::vector<request> requests);
  void commit_each(std::vector<request>& requests);
  result<journal::commit_receipt> commit(journal::batches all);
  void count(const result<journal::commit_receipt>& receipt, std::size_t operations, duration took);
  void answer(request& to, result<journal::commit_receipt> receipt);
  void tell_listeners(commit_no number);
  void tell_foreign(loop_no by, const std::vector<journal::operation>& operations,
                    const journal::commit_receipt& receipt);
  result<store_facts> look_at_facts();
  bool keep_up();
  void tell_if_broken();

  std::unique_ptr<journal::reader> watched(std::unique_ptr<journal::reader> of);

  journal::engine& engine_;
  const clock_port& clock_;
  calls call_;
  std::atomic<std::uint64_t> unreadable_ = 0; // reads that failed
  owner_thread<journal::reader> turns_;
  owner_thread<journal::reader> look_ups_;
  std::uint32_t loops_;
  disk_watch* disk_;

  std::mutex write_mutex_;
  std::condition_variable write_ready_;
  std::deque<request> requests_;                          // guarded by write_mutex_
  std::size_t queued_operations_ = 0;                     // guarded by write_mutex_
  std::vector<fact_call> fact_calls_;                     // guarded by write_mutex_
  bool closing_ = false;                                  // guarded by write_mutex_
  std::vector<std::function<void()>> shard_calls_;        // guarded by write_mutex_
  std::map<loop_no, loop_feed> feeds_;                    // set before the first submit
  std::vector<std::function<void(commit_no)>> listeners_; // set before the first submit

  std::atomic<boot_time> commit_until_ = boot_time::max();
#ifdef SKEIN_BUG_LEASE_BY_WALL_CLOCK
  std::atomic<instant> commit_until_wall_ = instant::max();
#endif

  // The writer's own, but for what it has announced.
  foreign_announcer foreign_;
  bool broken_ = false;
  std::optional<error> untold_; // what broke it, until `fatal` was called
  errc upkeep_refused_ = errc::none;
  boot_time last_upkeep_{};
  duration upkeep_rest_{}; // between two steps of it
  writer_facts done_;

  std::thread writer_;
};

} // namespace skein
