// The reader's side of look-ups by key and id: the events that may have it, newest first. Range by
// range the hashes in memory are searched, else the index on disk, if the summary of its group does
// not exclude it; what neither of them knows (after a start, or when a block is lost) is read row
// by row. So whatever the writer does meanwhile, no event of the reader's moment is left out.
#pragma once

#include "journal/event_walk.hpp"
#include "journal/lookup_summary.hpp"
#include "journal/lookup_tail.hpp"
#include "journal/pending_view.hpp"

namespace skein::journal {

/// The statements of a search, prepared once a reader.
struct lookup_statements {
  statement rows;    // of `event`: (below, from), newest first
  statement find;    // of `event`: (sequence)
  statement indexed; // of `lookup_range`: (range, size)
  statement below;   // of `lookup_range`: (range, size), the next lower one that is indexed
  statement block;   // of `lookup`: (row)
  statement group;   // of `lookup_group`: (group, size)
  statement summary; // of `lookup_summary`: (row)

  result<void> prepare(database& db);
};

class lookup_walk final : public event_walk {
 public:
  /// `tail` was taken before the reader's moment began. With `pending`, which stays the caller's,
  /// what an index or memory finds is left out that is not pending.
  lookup_walk(lookup_statements& use, const lookup_view& view, lookup_tail::ranges tail,
              lookup_kind kind, std::string_view text, const event_bounds& within,
              pending_view* pending);
  ~lookup_walk() override;
  lookup_walk(const lookup_walk&) = delete;
  lookup_walk& operator=(const lookup_walk&) = delete;

  result<statement*> next() override;

 private:
  result<bool> is_left_out(std::uint64_t sequence);
  result<void> skip_to_pending();
  void open_part();
  void search_memory(const range_hashes& hashes, std::uint64_t first);
  bool may_have(std::uint64_t range);
  void read_summary(std::uint64_t group);
  enum class looked : std::uint8_t { up, not_indexed, damaged };
  looked search_index(std::uint64_t range, std::uint64_t first);
  std::uint64_t first_unknown(std::uint64_t range);
  void read_rows(std::uint64_t first);
  const range_hashes* in_memory(std::uint64_t range) const;

  lookup_statements& use_;
  const lookup_view& view_;
  lookup_tail::ranges tail_;
  lookup_kind kind_;
  std::uint64_t hash_;
  event_bounds left_;
  pending_view* pending_;
  std::vector<std::uint64_t> found_; // sequences, the next one last
  std::vector<std::uint32_t> slots_;
  std::optional<std::uint64_t> group_; // whose summary was read
  range_mask ranges_ = all_ranges;     // of that group, which may have it
  bool is_reading_rows_ = false;
};

} // namespace skein::journal
