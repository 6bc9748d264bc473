// Hashes of events that no index on disk has yet: of the open range, of closed ones until their
// blocks are written, and of older ranges that are being indexed. Shared by the writer, which adds,
// and readers, which search, without a lock for either: a range's hashes are written once each, and
// how many of them there are is published afterwards.
#pragma once

#include "journal/lookup_blocks.hpp"

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

namespace skein::journal {

/// Of one range: those of the slots [from, to) are known. `to` grows with commits; `from` goes down
/// to 0 as the rows from before the start are read.
class range_hashes {
 public:
  /// Nothing is known yet; the first hashes will be added on either side of `slot`.
  range_hashes(std::uint64_t range, std::uint64_t size, std::uint32_t slot);

  std::uint64_t range() const noexcept { return range_; }
  std::uint32_t from() const noexcept { return from_.load(std::memory_order_acquire); }
  std::uint32_t to() const noexcept { return to_.load(std::memory_order_acquire); }
  bool is_full() const noexcept { return to() == size_; }
  /// A slot of [from, to). 0: there is no such event.
  std::uint64_t at(lookup_kind kind, std::uint32_t slot) const { return of(kind)[slot]; }

  // The writer's.
  void put(std::uint32_t slot, std::uint64_t key, std::uint64_t id) {
    of(lookup_kind::key)[slot] = key;
    of(lookup_kind::id)[slot] = id;
  }
  /// What was put is searched from now on.
  void publish_from(std::uint32_t slot) noexcept { from_.store(slot, std::memory_order_release); }
  void publish_to(std::uint32_t slot) noexcept { to_.store(slot, std::memory_order_release); }

 private:
  using hashes = std::unique_ptr<std::uint64_t[]>;
  std::uint64_t* of(lookup_kind kind) const {
    return hashes_[static_cast<std::size_t>(kind)].get();
  }

  std::uint64_t range_;
  std::uint64_t size_;
  std::array<hashes, 2> hashes_;
  std::atomic<std::uint32_t> from_;
  std::atomic<std::uint32_t> to_;
};

class lookup_tail {
 public:
  using ranges = std::vector<std::shared_ptr<range_hashes>>;

  ranges all() const;
  /// The index of this range is not whole: it is to be built anew. Any thread.
  void tell_damaged(std::uint64_t range);
  /// Likewise of the summary of this group of ranges.
  void tell_damaged_summary(std::uint64_t group);

  // The writer's.
  void add(std::shared_ptr<range_hashes> hashes);
  void remove(std::uint64_t range);
  std::set<std::uint64_t> take_damaged();
  std::set<std::uint64_t> take_damaged_summaries();

 private:
  mutable std::mutex mutex_;
  ranges ranges_;                             // guarded by mutex_
  std::set<std::uint64_t> damaged_;           // guarded by mutex_
  std::set<std::uint64_t> damaged_summaries_; // guarded by mutex_
};

/// What a reader searches with.
struct lookup_view {
  hash_settings hash;
  lookup_layout layout;
  std::shared_ptr<lookup_tail> tail;
};

} // namespace skein::journal
