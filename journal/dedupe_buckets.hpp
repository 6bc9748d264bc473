// The identities of the events accepted within the dedupe window, most of them on disk.
//
//     out of the window      closed buckets        being written   open
//   |.......................|#####|#####|#####|===|===============|--->
//                                 files, behind filters    in memory
//
//   bucket   the identities of so many sequences that follow each other (2^20), from a multiple of
//            that number on: which event is in which bucket, and the bucket's file, follow from its
//            sequence
//   open     in memory, read back from the commits at a start
//   full     when its last identity is on disk (in its commit) the bucket is written into a file by
//            another thread; it answers from memory until the file is whole
//   closed   asked only if its filter does not exclude the identity; then one block of its file is
//            read. When its last identity is out of the window the file is removed
//
// Exact by time: an identity that is old enough is not found, whatever is still there of it. The
// budget counts what is within the window: at the limit nothing is inserted, and nothing goes
// before its time. Files are made from the commits: one that is missing or damaged is made anew.
#pragma once

#include "journal/background_thread.hpp"
#include "journal/dedupe_file.hpp"
#include "journal/dedupe_filter.hpp"
#include "journal/dedupe_window.hpp"
#include "journal/identity_window.hpp"
#include "protocol/limits.hpp"

#include <array>
#include <atomic>
#include <bit>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace skein::journal {

/// The identities as they lie in the commits.
class identity_log {
 public:
  virtual ~identity_log() = default;
  /// Sequence of the first event accepted after `oldest`; the next one's if there is none. `oldest`
  /// never goes back.
  virtual result<std::uint64_t> first_after(instant oldest) = 0;
  /// Inserts those from `first` to `last`.
  virtual result<bucket_seal> read(std::uint64_t first, std::uint64_t last,
                                   dedupe_window& into) = 0;
  /// Whether event `last` is in that commit.
  virtual result<bool> has(const bucket_seal& seal, std::uint64_t last) = 0;
};

class dedupe_buckets final : public identity_window {
 public:
  struct settings {
    duration window = limits::dedupe_window;
    std::size_t entries_max = limits::dedupe_identities_max;
    std::size_t memory_max = limits::dedupe_memory_identities_max;
    bucket_place place; // `begin` is of no meaning; `size` is that of all buckets
    job_runner run = run_at_once;
    /// A file is written only if so much stays free of it. Empty: nobody knows what is free.
    std::uint64_t reserve = 0;
    std::function<std::optional<std::uint64_t>()> free = {};
  };
  struct counts {
    std::uint64_t identities = 0; // within the window, as far as it was looked
    std::uint64_t in_memory = 0;
    std::uint64_t buckets = 0;     // closed
    std::uint64_t bytes = 0;       // of their files
    std::uint64_t reads = 0;       // of files, as a filter did not exclude an identity
    std::uint64_t false_reads = 0; // of them, those that found nothing
    std::uint64_t remade = 0;      // files that were missing or damaged at a start
    std::uint64_t healed = 0;      // files that were found damaged later
  };
  /// The log must outlive it.
  dedupe_buckets(settings how, identity_log& log);
  ~dedupe_buckets() override;
  dedupe_buckets(const dedupe_buckets&) = delete;
  dedupe_buckets& operator=(const dedupe_buckets&) = delete;

  /// At a start: the window as it is at `now`, before event `next`.
  result<void> load(instant now, std::uint64_t next);

  result<std::optional<known>> find(const hash128& identity, instant now);
  result<std::optional<known>> find(const placed_identity& which, instant now) override {
    return find(which.identity, now);
  }
  /// Looks at the filters for all of them together, and lets the disk begin with what find() will
  /// read. One by one each would wait for the memory several times, and some for the disk.
  void look_ahead(std::span<const hash128> identities);
  result<void> look_ahead(std::span<const placed_identity> identities) override;
  void prefetch(const hash128& identity) const noexcept;
  void prefetch(const placed_identity& which) const noexcept override { prefetch(which.identity); }

  /// Sequences follow each other without gaps; `at` does not go back. False at the budget, or if
  /// the files are not written fast enough: then nothing was inserted.
  result<bool> insert(const hash128& identity, std::uint64_t content, std::uint64_t sequence,
                      instant at);
  result<bool> insert(const placed_identity& which, std::uint64_t content, std::uint64_t sequence,
                      instant at) override {
    return insert(which.identity, content, sequence, at);
  }
  void take_back(std::uint64_t sequence) override;
  /// What was inserted is on disk, the last of it in this commit. Full buckets are closed. An error
  /// that is no refusal is final.
  result<void> keep(const bucket_seal& seal);

  bool sweep(instant now, std::size_t records_max) override;
  /// Removes files that are out of the window; tries again what was refused.
  result<void> upkeep(instant now);

  counts counted() const noexcept;

 private:
  struct memory_bucket {
    std::uint64_t begin = 0;
    std::shared_ptr<dedupe_window> ids;
    std::optional<bucket_seal> seal; // full, and on disk
  };
  struct closed_bucket;
  /// A group of filters and whose its columns are.
  struct filters {
    std::shared_ptr<filter_group> bits;
    filter_group::mask asked = 0;
    filter_group::mask taken = 0; // or being filled
    std::array<closed_bucket*, filter_group::columns> owners{};
    /// Of the first of these columns.
    closed_bucket& owner_of(filter_group::mask which) const noexcept {
      return *owners[static_cast<unsigned>(std::countr_zero(which))];
    }
  };
  struct column {
    filters* of = nullptr;
    unsigned number = 0;
  };
  /// What look_ahead() has found; void once a column changes.
  struct found_ahead {
    std::vector<hash128> identities;
    std::vector<filter_group::mask> left; // of each identity, a mask a group
    std::vector<std::size_t> candidates;  // of `left`, those with a column
    std::size_t next = 0;                 // to be asked for
    void clear() noexcept {
      identities.clear();
      left.clear();
      candidates.clear();
      next = 0;
    }
  };
  struct closed_bucket {
    bucket_file file;
    column filter;
  };
  /// A bucket on its way into a file; shared with the thread that writes it.
  struct build;

  std::uint64_t begin_of(std::uint64_t sequence) const noexcept {
    return (sequence - 1) / how_.place.size * how_.place.size + 1;
  }
  bucket_place place_of(std::uint64_t begin) const;
  bool is_old(instant at, instant now) const noexcept { return now - at >= how_.window; }
  std::size_t in_memory() const noexcept;

  // find
  void look_near(std::size_t number);
  void look_far(std::size_t place) noexcept;
  const filter_group::mask* looked_up(const hash128& identity) noexcept;
  result<std::optional<known>> ask(closed_bucket& bucket, const hash128& identity, instant now);
  result<void> heal(closed_bucket& bucket);

  // close
  result<void> close_full(bool again);
  bool has_room() const;
  void begin_build();
  result<void> end_build();
  void add_closed(bucket_file file, column filter);
  column take_column();
  void release(column which);

  // load
  result<void> load_closed(std::uint64_t begin);
  result<bucket_file> remake(std::uint64_t first, const bucket_place& place);
  result<void> remove_before(std::uint64_t begin);

  settings how_;
  identity_log& log_;
  std::vector<hash128> asked_;   // of look_ahead(); its room is used again
  std::uint64_t next_ = 1;       // to be inserted
  std::uint64_t first_live_ = 1; // at least; known to be the first at looked_at_
  instant looked_at_ = no_instant;
  std::deque<memory_bucket> memory_; // oldest first; the last one is open
  std::deque<closed_bucket> closed_; // oldest first
  std::vector<std::unique_ptr<filters>> filters_;
  found_ahead ahead_;
  std::shared_ptr<build> build_; // of memory_.front()
  bool refused_ = false;         // there was no room for the last one; looked for in upkeep
  counts counts_;
};

} // namespace skein::journal
