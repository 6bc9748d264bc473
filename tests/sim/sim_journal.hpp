// The journal of one simulated node: the memory engine, or the SQLite engine on a disk that loses
// what was not synced, with the memory engine beside it as the oracle. Says what each commit did.
#pragma once

#include "journal/journal.hpp"
#include "journal/memory_journal.hpp"
#include "tests/support/sim_random.hpp"
#include "tests/support/sim_vfs.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace skein::test {

/// What a store keeps, and for how long.
struct kept_options {
  duration window = limits::dedupe_window;
  std::size_t identities_max = limits::dedupe_identities_max;
  duration retention = limits::retention;
  std::uint64_t range_events = limits::range_events;
};

class sim_journal {
 public:
  using operations = std::vector<journal::operation>;
  /// `committed` is told of each commit that is on disk, in order; also of one that was in doubt,
  /// when it is found.
  sim_journal(std::string name, bool sqlite, std::uint64_t seed, kept_options kept,
              std::function<void(const operations&, const journal::commit_receipt&)> committed);
  ~sim_journal();
  sim_journal(const sim_journal&) = delete;
  sim_journal& operator=(const sim_journal&) = delete;

  /// A process opens it.
  void open(instant now);
  /// The process is gone; with `power`, so is what the disk had not synced.
  void drop(bool power, sim_random& dice);
  void close();

  journal::engine& engine() { return *engine_; }
  /// The power went during a commit, perhaps after all of it that matters was on disk.
  bool power_gone() const { return disk_ && disk_->is_down(); }
  result<journal::commit_receipt> commit(const operations& batch, instant now);
  /// A commit that comes back as unknown. Whether it happened is known after the next open().
  result<journal::commit_receipt> commit_in_doubt(const operations& batch, instant now,
                                                  sim_random& dice);
  /// A step of it.
  void upkeep(instant now);
  /// One in the middle of which the power goes, if it does as much (power_gone).
  void upkeep_in_doubt(instant now, sim_random& dice);

 private:
  journal::open_options how(instant now) const;
  void forget_as_the_engine_did(const operations& batch, const journal::commit_receipt& receipt);

  std::uint64_t seed_;
  kept_options kept_;
  std::function<void(const operations&, const journal::commit_receipt&)> committed_;
  std::shared_ptr<journal::memory_store> memory_;
  std::unique_ptr<journal::engine> mirror_; // with SQLite
  std::unique_ptr<sim_disk> disk_;          // with SQLite
  std::string directory_;
  std::unique_ptr<journal::engine> engine_;
  operations in_doubt_;
  instant in_doubt_at_ = no_instant;
  instant seen_ = no_instant; // the latest time of a step of upkeep
};

} // namespace skein::test
