// The reader's side of look-ups by key and id: the events that may have it, newest first. Range by
// range the hashes in memory are searched, else the index on disk, if the summary of its group does
// not exclude it; what neither of them knows (after a start, or when a block is lost) is read row
// by row. So whatever the writer does meanwhile, no event of the reader's moment is left out.
#pragma once

#include "journal/event_walk.hpp"
#include "journal/lookup_summary.hpp"
#include "journal/lookup_tail.hpp"
#include "journal/page_hints.hpp"
#include "journal/pending_view.hpp"

namespace skein::journal {

/// What a search is about to read. Without pages it tells nobody.
struct lookup_hints {
  std::shared_ptr<const page_hints> pages;
  std::uint32_t event = 0, outcome = 0, blocks = 0, summaries = 0; // roots of the tables

  void will_read(std::uint32_t root, const std::vector<std::int64_t>& rows) const {
    if (pages)
      pages->will_read(root, rows);
  }
};

/// The statements of a search, prepared once a reader.
struct lookup_statements {
  statement rows;    // of `event`: (below, from), newest first
  statement find;    // of `event`: (sequence)
  statement indexed; // of `lookup_range`: (range, size)
  statement below;   // of `lookup_range`: (range, size), the next lower one that is indexed
  statement block;   // of `lookup`: (row)
  statement group;   // of `lookup_group`: (group, size)
  statement summary; // of `lookup_summary`: (row)
  lookup_hints hints;

  result<void> prepare(database& db, std::shared_ptr<const page_hints> pages);
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
  result<void> gather();
  result<void> make_ready();
  void open_part();
  void search_memory(const range_hashes& hashes, std::uint64_t first);
  bool may_have(std::uint64_t range);
  void read_summary(std::uint64_t group);
  void hint_summaries(std::uint64_t group);
  void hint_blocks(std::uint64_t range);
  enum class looked : std::uint8_t { up, not_indexed, damaged };
  looked search_index(std::uint64_t range, std::uint64_t first);
  std::uint64_t first_unknown(std::uint64_t range);
  void read_rows(std::uint64_t first);
  const range_hashes* in_memory(std::uint64_t range) const;

  static constexpr std::size_t rows_at_once = 32; // asked of the disk side by side
  static constexpr std::uint64_t no_hint = ~0ull;

  lookup_statements& use_;
  const lookup_view& view_;
  lookup_tail::ranges tail_;
  lookup_kind kind_;
  std::uint64_t hash_;
  event_bounds left_;
  pending_view* pending_;
  // Sequences, the next one last.
  std::vector<std::uint64_t> ready_; // whose rows are on their way
  std::vector<std::uint64_t> found_; // after those
  std::vector<std::uint64_t> part_;  // of the part that was opened last
  std::vector<std::uint32_t> slots_;
  std::optional<std::uint64_t> group_;       // whose summary was read
  range_mask ranges_ = all_ranges;           // of that group, which may have it
  std::uint64_t blocks_hinted_ = no_hint;    // the lowest range whose block is on its way
  std::uint64_t summaries_hinted_ = no_hint; // the lowest group, likewise
  std::uint64_t blocks_ahead_ = 1;           // doubles, as long as there are no matches
  bool is_reading_rows_ = false;
};

} // namespace skein::journal
