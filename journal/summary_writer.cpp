#include "journal/summary_writer.hpp"

#include "journal/record_crc.hpp"

#include <algorithm>
#include <utility>

namespace skein::journal {

namespace {

/// Blocks of ranges that one step reads at most, unless those of one number are more: a key that
/// has all events of its ranges makes large ones.
constexpr std::size_t read_bytes_max = 1 << 20;

result<void> prepare(database& db, statement& into, std::string_view sql) {
  auto prepared = db.prepare(sql);
  if (!prepared)
    return prepared.error();
  into = std::move(*prepared);
  return {};
}

} // namespace

result<void> summary_writer::begin(database& db) {
  const std::pair<statement*, std::string_view> all[] = {
      {&indexed_, "SELECT count(*) FROM lookup_range WHERE no >= ? AND no < ? AND size = ?"},
      {&blocks_, "SELECT entries, crc FROM lookup WHERE no = ?"},
      {&add_block_, "INSERT OR REPLACE INTO lookup_summary VALUES(?, ?, ?)"},
      {&add_group_, "INSERT OR REPLACE INTO lookup_group VALUES(?, ?)"},
      {&forget_group_, "DELETE FROM lookup_group WHERE no = ?"},
      {&forget_groups_, "DELETE FROM lookup_group WHERE no < ?"},
      {&first_block_, "SELECT no FROM lookup_summary ORDER BY no LIMIT 1"},
      {&drop_blocks_, "DELETE FROM lookup_summary WHERE no >= ? AND no < ?"},
  };
  for (const auto& [which, sql] : all)
    if (auto prepared = prepare(db, *which, sql); !prepared)
      return prepared;
  auto groups = db.prepare("SELECT no / ?2 FROM lookup_range WHERE size = ?1 GROUP BY no / ?2 "
                           "HAVING count(*) = ?2 AND NOT EXISTS (SELECT 1 FROM lookup_group "
                           "WHERE no = lookup_range.no / ?2 AND size = ?1)");
  if (!groups)
    return groups.error();
  groups->bind(1, layout_.ranges.range_events).bind(2, summary_layout::group_ranges);
  due_.clear();
  int code = SQLITE_OK;
  while ((code = groups->step()) == SQLITE_ROW)
    due_.insert(groups->natural(0));
  return code == SQLITE_DONE ? result<void>{}
                             : sqlite_error(db.raw(), code, "reading which ranges are indexed");
}

result<void> summary_writer::look_at(std::uint64_t group) {
  const reset_at_end end{indexed_};
  indexed_.bind(1, summary_layout::first_of(group)).bind(2, summary_layout::first_of(group + 1));
  const int code = indexed_.bind(3, layout_.ranges.range_events).step();
  if (code != SQLITE_ROW)
    return sqlite_error(indexed_.db(), code, "reading which ranges are indexed");
  if (indexed_.natural(0) == summary_layout::group_ranges)
    due_.insert(group);
  return {};
}

void summary_writer::leave_out(std::uint64_t range) { due_.erase(summary_layout::group_of(range)); }

/// A step has what some of the blocks of each range give; with the last of them the group counts.
result<void> summary_writer::write(lookup_tail& tail) {
  if (!due_.contains(writing_) || written_ == 0) {
    writing_ = *due_.rbegin();
    written_ = 0;
  }
  const std::uint32_t blocks = layout_.ranges.blocks();
  const auto kind = static_cast<lookup_kind>(written_ / blocks);
  const std::uint32_t first = written_ % blocks;
  const std::uint32_t most =
      std::min<std::uint32_t>(limits::lookup_summary_blocks_a_step, blocks - first);
  constexpr std::uint32_t parts = summary_layout::group_ranges;
  parts_.resize(std::size_t{parts} * limits::lookup_summary_blocks_a_step);
  for (words& each : parts_)
    each.clear();
  bytes_read_ = 0;
  std::uint32_t count = 0;
  for (; count < most && bytes_read_ < read_bytes_max; ++count)
    for (std::uint64_t i = 0; i < summary_layout::group_ranges; ++i) {
      const auto whole = gather(summary_layout::first_of(writing_) + i, kind, first + count, tail);
      if (!whole)
        return whole.error();
      if (!*whole) {
        count_ = 0;
        return {};
      }
    }
  count_ = count;
  for (std::uint32_t i = 0; i < parts * count; ++i) {
    const std::int64_t row = layout_.row_of(writing_, kind, parts * first + i);
    write_summary(parts_[i], entries_);
    add_block_.bind(1, row).bind_blob(2, entries_).bind(3, stored_crc(block_crc(row, entries_)));
    if (auto added = run(add_block_); !added)
      return added;
  }
#ifdef SKEIN_BUG_SUMMARY_TOLD_TOO_EARLY
  const bool is_last = written_ + count >= blocks;
#else
  const bool is_last = written_ + count == 2 * blocks;
#endif
  return is_last ? run(add_group_.bind(1, writing_).bind(2, layout_.ranges.range_events))
                 : result<void>{};
}

void summary_writer::written() {
  written_ += count_;
  if (count_ != 0 && written_ < 2 * layout_.ranges.blocks())
    return;
  written_ = 0;
  due_.erase(writing_);
}

/// Adds the words of a block of a range to the parts of this step. False if it is not whole.
result<bool> summary_writer::gather(std::uint64_t range, lookup_kind kind, std::uint32_t block,
                                    lookup_tail& tail) {
  const reset_at_end end{blocks_};
  const std::int64_t row = layout_.ranges.row_of(range, kind, block);
  const int code = blocks_.bind(1, row).step();
  if (code != SQLITE_ROW && code != SQLITE_DONE)
    return sqlite_error(blocks_.db(), code, "reading the index of look-ups");
  remainders_.clear();
  if (code != SQLITE_ROW || blocks_.integer(1) != stored_crc(block_crc(row, blocks_.blob(0))) ||
      !remainders_in_block(blocks_.blob(0), remainders_)) {
    tail.tell_damaged(range);
    return false;
  }
  bytes_read_ += blocks_.blob(0).size();
#ifdef SKEIN_BUG_RANGE_NOT_SUMMARIZED
  if (range % summary_layout::group_ranges == 3)
    return true;
#endif
  const std::uint32_t first = written_ % layout_.ranges.blocks() * summary_layout::group_ranges;
  for (const std::uint32_t each : remainders_) {
    const auto place = summary_place::of(block, each);
    parts_[place.block - first].push_back(place.word(range));
  }
  return true;
}

result<void> summary_writer::forget(std::uint64_t group) {
  return run(forget_group_.bind(1, group));
}

result<bool> summary_writer::drop_below(std::uint64_t group) {
  if (auto forgot = run(forget_groups_.bind(1, group)); !forgot)
    return forgot.error();
  const std::int64_t end = layout_.row_of(group, lookup_kind::key, 0);
  std::int64_t first = end;
  {
    const reset_at_end ends{first_block_};
    const int code = first_block_.step();
    if (code != SQLITE_ROW && code != SQLITE_DONE)
      return sqlite_error(first_block_.db(), code, "reading the index of look-ups");
    if (code == SQLITE_ROW)
      first = first_block_.integer(0);
  }
  if (first >= end)
    return false;
  auto dropped = run(drop_blocks_.bind(1, first).bind(
      2, std::min(end, first + static_cast<std::int64_t>(limits::lookup_summary_blocks_a_drop))));
  return dropped ? result<bool>{true} : dropped.error();
}

result<void> summary_writer::run(statement& which) {
  const int code = which.run();
  return code == SQLITE_DONE ? result<void>{}
                             : sqlite_error(which.db(), code, "writing the index of look-ups");
}

} // namespace skein::journal
