// The journal behind the store port: one thread that writes, one that reads.
//
//   submit() --> queue --> writer: gathers all that waits into one commit --> answers, foreign
//   events,
//                          listeners, in commit order
//
// While one commit syncs, the next one gathers: that is the whole group commit. The queue is
// bounded by what the gateway and the agents' slots let be in flight. When a commit's outcome is
// unknown the writer answers so, calls `fatal` once, and commits no more: the process must stop and
// find out from the disk (a failed sync is never repeated).
#pragma once

#include "actors/ports.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace skein {

class store_threads final : public store_port {
 public:
  /// `engine` is used by the writer alone from start() until close(). `loops`: a shard's loop is
  /// (shard mod loops). `fatal` may be called on the writer's thread.
  store_threads(journal::engine& engine, std::unique_ptr<journal::reader> reader,
                const clock_port& clock, std::uint32_t loops, std::function<void(error)> fatal);
  ~store_threads() override;

  void start();
  /// Finishes what is queued, then closes the journal in order. No call afterwards.
  result<void> close();

  void submit(loop_no loop, std::vector<journal::operation> batch, committed done) override;
  void attach(loop_no loop, std::function<void(foreign_events)> foreign) override;
  void on_commit(std::function<void(commit_no)> listener) override;
  void read(std::function<void(journal::reader&)> work) override;
  void facts(std::function<void(result<store_facts>)> done) override;

 private:
  struct request {
    loop_no loop{};
    std::vector<journal::operation> batch;
    committed done;
  };
  using fact_call = std::function<void(result<store_facts>)>;

  void write_loop();
  void read_loop();
  void commit_gathered(std::vector<request> requests);
  void answer_all(std::vector<request>& requests, result<journal::commit_receipt> receipt,
                  std::vector<journal::operation>& operations);
  void tell_foreign(loop_no by, const std::vector<journal::operation>& operations,
                    const journal::commit_receipt& receipt);
  void answer_facts(std::vector<fact_call> calls);

  journal::engine& engine_;
  std::unique_ptr<journal::reader> reader_;
  const clock_port& clock_;
  std::uint32_t loops_;
  std::function<void(error)> fatal_;

  std::mutex write_mutex_;
  std::condition_variable write_ready_;
  std::deque<request> requests_;                                   // guarded by write_mutex_
  std::vector<fact_call> fact_calls_;                              // guarded by write_mutex_
  bool closing_ = false;                                           // guarded by write_mutex_
  std::map<loop_no, std::function<void(foreign_events)>> foreign_; // set before the first submit
  std::vector<std::function<void(commit_no)>> listeners_;          // set before the first submit
  bool broken_ = false;                                            // the writer's own

  std::mutex read_mutex_;
  std::condition_variable read_ready_;
  std::deque<std::function<void(journal::reader&)>> reads_; // guarded by read_mutex_
  bool read_closing_ = false;                               // guarded by read_mutex_

  std::thread writer_;
  std::thread reading_;
};

} // namespace skein
