#include "journal/lookup_index.hpp"

#include "journal/record_crc.hpp"

#include <algorithm>
#include <utility>

namespace skein::journal {

namespace {

/// Bodies that one step reads at most, as ids stand in them: some milliseconds.
constexpr std::size_t load_bytes_max = 4 << 20;

} // namespace

lookup_index::lookup_index(sqlite_writer& writer, const hash_settings& hash,
                           const lookup_layout& layout, std::uint64_t next, std::uint64_t swept_to)
  : writer_{writer}, hash_{hash}, layout_{layout}, next_{next},
    first_range_{layout.range_of(swept_to)}, has_gone_{first_range_ > 0}, summaries_{layout} {}

void lookup_index::append(const sealed_commit& commit) {
  const commit_rows& rows = commit.rows();
  const std::size_t count = rows.staged->events.size();
  for (std::size_t i = 0; i < count;) {
    if (ranges_.empty() || ranges_.back()->range() != layout_.range_of(next_))
      open_range(next_);
    range_hashes& into = *ranges_.back();
    std::uint32_t slot = layout_.slot_of(next_);
    for (; i < count && slot < layout_.range_events; ++i, ++slot)
      into.put(slot, lookup_hash(commit.key(i), hash_), lookup_hash(commit.id(i), hash_));
    next_ += slot - into.to();
    into.publish_to(slot);
  }
}

/// The newest range comes last; the oldest of too many in memory are read from their rows again.
void lookup_index::open_range(std::uint64_t sequence) {
  if (ranges_.size() >= limits::lookup_ranges_in_memory) {
    const std::uint64_t oldest = ranges_.front()->range();
    if (!unreadable_.contains(oldest) && oldest >= first_range_)
      missing_.insert(oldest);
    remove(oldest);
  }
  const std::uint32_t slot = layout_.slot_of(sequence);
  auto opened =
      std::make_shared<range_hashes>(layout_.range_of(sequence), layout_.range_events, slot);
  if (sequence == 1) { // there is no event 0
    opened->put(0, 0, 0);
    opened->publish_from(0);
  }
  ranges_.push_back(opened);
  tail_->add(std::move(opened));
}

bool lookup_index::is_in_memory(std::uint64_t range) const {
  return std::any_of(ranges_.begin(), ranges_.end(),
                     [range](const hashes& each) { return each->range() == range; });
}

void lookup_index::remove(std::uint64_t range) {
  std::erase_if(ranges_, [range](const hashes& each) { return each->range() == range; });
  tail_->remove(range);
}

/// Not at the start, which it would delay.
result<void> lookup_index::begin() {
  database& db = writer_.db();
  if (auto prepared = db.prepare_all(
          {{&rows_, "SELECT no, key, body FROM event WHERE no >= ? AND no < ? ORDER BY no DESC"},
           {&add_block_, "INSERT OR REPLACE INTO lookup VALUES(?, ?, ?)"},
           {&add_range_, "INSERT OR REPLACE INTO lookup_range VALUES(?, ?)"},
           {&forget_range_, "DELETE FROM lookup_range WHERE no = ?"},
           {&forget_ranges_, "DELETE FROM lookup_range WHERE no < ?"},
           {&first_block_, "SELECT no FROM lookup ORDER BY no LIMIT 1"},
           {&drop_blocks_, "DELETE FROM lookup WHERE no >= ? AND no < ?"}});
      !prepared)
    return prepared;
  if (auto begun = summaries_.begin(db); !begun)
    return begun;
  const std::uint64_t from = layout_.first_of(first_range_);
  const auto oldest = db.number("SELECT min(no) FROM event WHERE no >= " + std::to_string(from),
                                static_cast<std::int64_t>(next_));
  auto indexed = db.prepare("SELECT no FROM lookup_range WHERE size = ?");
  if (!oldest || !indexed)
    return !oldest ? oldest.error() : indexed.error();
  const std::uint64_t open = layout_.range_of(next_);
  missing_.clear();
  for (auto range = layout_.range_of(static_cast<std::uint64_t>(*oldest)); range < open; ++range)
    missing_.insert(range);
  int code = SQLITE_OK;
  for (indexed->bind(1, layout_.range_events); (code = indexed->step()) == SQLITE_ROW;)
    missing_.erase(indexed->natural(0));
  if (code != SQLITE_DONE)
    return sqlite_error(db.raw(), code, "reading which ranges are indexed");
  for (const hashes& each : ranges_)
    missing_.erase(each->range());
  if (ranges_.empty() || ranges_.back()->range() != open)
    open_range(next_);
  begun_ = true;
  return {};
}

result<bool> lookup_index::step() {
  if (is_off_)
    return false;
  auto more = try_step();
  if (more || writer_.stopped() || !is_unreadable(more.error().code))
    return more;
  is_off_ = more.error().code == errc::store_corrupt;
  trouble_ = more.error();
  return false;
}

result<bool> lookup_index::try_step() {
  if (!begun_)
    if (auto begun = begin(); !begun)
      return begun.error();
  return do_step();
}

result<bool> lookup_index::do_step() {
  for (const auto part : {&lookup_index::drop_some, &lookup_index::forget_damaged,
                          &lookup_index::forget_damaged_summaries}) {
    auto did = (this->*part)();
    if (!did || *did)
      return did;
  }
  for (const hashes& each : ranges_)
    if (each->from() == 0 && each->is_full()) {
      auto written = write(*each);
      return written ? result<bool>{true} : written.error();
    }
  for (const hashes& each : ranges_)
    if (each->from() != 0 && !unreadable_.contains(each->range())) {
      const std::uint64_t range = each->range();
      if (auto loaded = load(*each); !loaded) {
        trouble_ = loaded.error();
        unreadable_.insert(range);
        if (range != layout_.range_of(next_))
          remove(range);
      }
      return true;
    }
  if (missing_.empty())
    return summarize();
  const std::uint64_t newest = *missing_.rbegin();
  missing_.erase(newest);
  auto made = std::make_shared<range_hashes>(newest, layout_.range_events,
                                             static_cast<std::uint32_t>(layout_.range_events));
  ranges_.insert(ranges_.begin(), made);
  tail_->add(std::move(made));
  return true;
}

result<bool> lookup_index::forget_damaged() {
  const auto damaged = tail_->take_damaged();
  bool any = false;
  for (const std::uint64_t range : damaged) {
    if (unreadable_.contains(range) || is_in_memory(range) || range < first_range_)
      continue;
    any = true;
    auto done =
        transact([&] { return run(forget_range_.bind(1, static_cast<std::int64_t>(range))); });
    if (!done) {
      tail_->tell_damaged(range); // for the next time
      return done.error();
    }
    missing_.insert(range);
  }
  return any;
}

result<bool> lookup_index::forget_damaged_summaries() {
  const auto damaged = tail_->take_damaged_summaries();
  for (const std::uint64_t group : damaged) {
    auto done = transact([&] { return summaries_.forget(group); });
    if (done)
      done = summaries_.look_at(group);
    if (!done) {
      tail_->tell_damaged_summary(group); // for the next time
      return done.error();
    }
  }
  return !damaged.empty();
}

result<bool> lookup_index::summarize() {
  if (!summaries_.has_work())
    return false;
  auto done = transact([&] { return summaries_.write(*tail_); });
  if (!done)
    return done.error();
  summaries_.written();
  return true;
}

/// The newest rows first, so that what is known has no hole.
result<void> lookup_index::load(range_hashes& into) {
  const reset_at_end end{rows_};
  const std::uint64_t first = layout_.first_of(into.range());
  std::uint32_t known = into.from();
  rows_.bind(1, first).bind(2, first + known);
  std::size_t bytes = 0;
  int code = SQLITE_OK;
  for (std::size_t rows = 0; rows < limits::lookup_rows_a_step && bytes < load_bytes_max; ++rows) {
    code = rows_.step();
    if (code != SQLITE_ROW)
      break;
    const std::uint32_t slot = layout_.slot_of(rows_.natural(0));
    while (--known > slot)
      into.put(known, 0, 0);
    const std::string_view body = rows_.blob(2);
    into.put(slot, lookup_hash(rows_.text(1), hash_), lookup_hash(read_head(body).id, hash_));
    bytes += body.size();
  }
  if (code != SQLITE_ROW && code != SQLITE_DONE)
    return sqlite_error(writer_.db().raw(), code, "reading events for their index");
  while (code == SQLITE_DONE && known > 0)
    into.put(--known, 0, 0);
  into.publish_from(known);
  return {};
}

/// A step's worth of blocks of one kind. With the last of them the range counts as indexed, and its
/// hashes leave memory.
result<void> lookup_index::write(const range_hashes& from) {
  const std::uint64_t range = from.range();
  if (writing_ != range)
    written_ = 0;
  writing_ = range;
  const std::uint32_t blocks = layout_.blocks();
  const auto kind = static_cast<lookup_kind>(written_ / blocks);
  const std::uint32_t first = written_ % blocks;
  const std::uint32_t count = std::min<std::uint32_t>(limits::lookup_blocks_a_step, blocks - first);
#ifdef SKEIN_BUG_INDEX_TOLD_TOO_EARLY
  const bool is_last = written_ + count >= blocks;
#else
  const bool is_last = written_ + count == 2 * blocks;
#endif
  auto done = transact([&]() -> result<void> {
    if (auto added = write_blocks(from, kind, first, count); !added || !is_last)
      return added;
    return run(add_range_.bind(1, range).bind(2, layout_.range_events));
  });
  if (!done)
    return done;
  written_ = is_last ? 0 : written_ + count;
  if (!is_last)
    return {};
  remove(range);
  return summaries_.look_at(summary_layout::group_of(range));
}

result<void> lookup_index::write_blocks(const range_hashes& from, lookup_kind kind,
                                        std::uint32_t first, std::uint32_t count) {
  parts_.resize(std::max<std::size_t>(parts_.size(), count));
  for (auto& each : parts_)
    each.clear();
  for (std::uint32_t slot = 0; slot < layout_.range_events; ++slot) {
    const std::uint64_t hash = from.at(kind, slot);
    const std::uint32_t part = layout_.block_of(hash) - first; // wraps round if it is lower
    if (part < count && hash != 0)
      parts_[part].push_back({layout_.remainder_of(hash), slot});
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::int64_t row = layout_.row_of(from.range(), kind, first + i);
#ifdef SKEIN_BUG_INDEX_BLOCK_SKIPPED
    if (i == 0)
      parts_[i].clear();
#endif
    write_block(parts_[i], entries_);
    add_block_.bind(1, row).bind_blob(2, entries_).bind(3, stored_crc(block_crc(row, entries_)));
    if (auto added = run(add_block_); !added)
      return added;
  }
  return {};
}

result<void> lookup_index::transact(const std::function<result<void>()>& body) {
  return writer_.try_transact(body);
}

void lookup_index::leave_out_below(std::uint64_t range) {
  SKEIN_CHECK(range <= layout_.range_of(next_));
  for (; first_range_ < range; ++first_range_) {
    has_gone_ = true;
    missing_.erase(first_range_);
    remove(first_range_);
    summaries_.leave_out(first_range_);
  }
}

/// A step's worth of what lies before the first range; whether there was any.
result<bool> lookup_index::drop_some() {
  if (!has_gone_)
    return false;
  const std::int64_t end = layout_.row_of(first_range_, lookup_kind::key, 0);
  bool any = false;
  auto done = transact([&]() -> result<void> {
    if (auto forgot = run(forget_ranges_.bind(1, first_range_)); !forgot)
      return forgot;
    std::int64_t first = end;
    {
      const reset_at_end ends{first_block_};
      const int code = first_block_.step();
      if (code != SQLITE_ROW && code != SQLITE_DONE)
        return sqlite_error(writer_.db().raw(), code, "reading the index of look-ups");
      if (code == SQLITE_ROW)
        first = first_block_.integer(0);
    }
    any = first < end;
    if (any)
      return run(drop_blocks_.bind(1, first).bind(
          2, std::min(end, first + static_cast<std::int64_t>(limits::lookup_blocks_a_step))));
    const auto summaries = summaries_.drop_below(summary_layout::group_of(first_range_));
    any = summaries && *summaries;
    return summaries ? result<void>{} : summaries.error();
  });
  if (!done)
    return done.error();
  has_gone_ = any;
  return any;
}

result<void> lookup_index::run(statement& which) {
  const int code = which.run();
  return code == SQLITE_DONE
             ? result<void>{}
             : sqlite_error(writer_.db().raw(), code, "writing the index of look-ups");
}

} // namespace skein::journal
