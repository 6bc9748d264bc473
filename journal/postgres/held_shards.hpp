// The shards that an engine holds, as its readers see them.
#pragma once

#include "journal/journal.hpp"

#include <mutex>
#include <vector>

namespace skein::journal {

class held_shards {
 public:
  void set(std::vector<shard_id> all) {
    const std::scoped_lock hold{mutex_};
    all_ = std::move(all);
  }
  /// Those of one loop.
  std::vector<shard_id> of_loop(std::uint32_t loops, loop_no loop) const {
    const std::scoped_lock hold{mutex_};
    std::vector<shard_id> found;
    for (const shard_id each : all_)
      if (raw(each) % loops == raw(loop))
        found.push_back(each);
    return found;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<shard_id> all_; // guarded by mutex_
};

} // namespace skein::journal
