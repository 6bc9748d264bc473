#include "journal/lookup_search.hpp"

#include "journal/checked_rows.hpp"

#include <algorithm>
#include <utility>

namespace skein::journal {

result<void> lookup_statements::prepare(database& db, std::shared_ptr<const page_hints> pages) {
  hints.pages = std::move(pages);
  for (const auto& [table, root] :
       {std::pair{"event", &hints.event}, std::pair{"outcome", &hints.outcome},
        std::pair{"lookup", &hints.blocks}, std::pair{"lookup_summary", &hints.summaries}}) {
    auto found = db.number("SELECT rootpage FROM sqlite_schema WHERE type = 'table' AND name = '" +
                           std::string{table} + "'");
    if (!found)
      return found.error();
    *root = static_cast<std::uint32_t>(*found);
  }
  return db.prepare_all(
      {{&rows,
        "SELECT " SKEIN_EVENT_COLUMNS " FROM event WHERE no < ? AND no >= ? ORDER BY no DESC"},
       {&find, "SELECT " SKEIN_EVENT_COLUMNS " FROM event WHERE no = ?"},
       {&indexed, "SELECT 1 FROM lookup_range WHERE no = ? AND size = ?"},
       {&below, "SELECT no FROM lookup_range WHERE no < ? AND size = ? ORDER BY no DESC LIMIT 1"},
       {&block, "SELECT entries, crc FROM lookup WHERE no = ?"},
       {&group, "SELECT 1 FROM lookup_group WHERE no = ? AND size = ?"},
       {&summary, "SELECT words, crc FROM lookup_summary WHERE no = ?"}});
}

namespace {
result<statement*> at_row(statement& rows, int code) {
  if (code == SQLITE_ROW)
    return &rows;
  return sqlite_error(rows.db(), code, "reading the store");
}
} // namespace

lookup_walk::lookup_walk(lookup_statements& use, const lookup_view& view, lookup_tail::ranges tail,
                         lookup_kind kind, std::string_view text, const event_bounds& within,
                         pending_view* pending)
  : use_{use}, view_{view}, tail_{std::move(tail)}, kind_{kind},
    hash_{lookup_hash(text, view.hash)}, left_{within}, pending_{pending} {}

lookup_walk::~lookup_walk() {
  use_.rows.reset();
  use_.find.reset();
}

result<statement*> lookup_walk::next() {
  while (true) {
    if (!ready_.empty()) {
      const std::uint64_t event = ready_.back();
      ready_.pop_back();
      use_.find.reset();
      const int code = use_.find.bind(1, event).step();
      if (code != SQLITE_DONE)
        return at_row(use_.find, code);
    } else if (!found_.empty()) {
      if (auto made = make_ready(); !made)
        return made.error();
    } else if (is_reading_rows_) {
      const int code = use_.rows.step();
      if (code != SQLITE_DONE)
        return at_row(use_.rows, code);
      is_reading_rows_ = false;
    } else if (left_.below > left_.from) {
      if (auto gathered = gather(); !gathered)
        return gathered.error();
    } else {
      return static_cast<statement*>(nullptr);
    }
  }
}

/// The next ones whose rows are worth reading, so many at once that the disk reads side by side.
result<void> lookup_walk::make_ready() {
  std::vector<std::int64_t> events, outcomes;
  while (!found_.empty() && events.size() < rows_at_once) {
    const std::uint64_t event = found_.back();
    found_.pop_back();
    const auto out = is_left_out(event);
    if (!out)
      return out.error();
    if (*out)
      continue;
    events.push_back(static_cast<std::int64_t>(event));
    outcomes.push_back(static_cast<std::int64_t>(event) * 16);
  }
  use_.hints.will_read(use_.hints.event, events);
  use_.hints.will_read(use_.hints.outcome, outcomes);
  ready_.assign(events.rbegin(), events.rend());
  return {};
}

/// Of as many parts as give a portion of matches, or up to one that is read row by row.
result<void> lookup_walk::gather() {
  while (found_.size() < rows_at_once && !is_reading_rows_) {
    if (auto skipped = skip_to_pending(); !skipped)
      return skipped;
    if (left_.below <= left_.from)
      return {};
    part_.clear();
    open_part();
    found_.insert(found_.begin(), part_.begin(), part_.end());
  }
  return {};
}

result<bool> lookup_walk::is_left_out(std::uint64_t sequence) {
  if (pending_ == nullptr)
    return false;
  const auto may = pending_->may_be(sequence);
  return may ? result<bool>{!*may} : may.error();
}

/// Ranges without a pending event are not searched.
result<void> lookup_walk::skip_to_pending() {
  if (pending_ == nullptr)
    return {};
  const auto newest = pending_->newest_below(left_.below);
  if (!newest)
    return newest.error();
  left_.below = std::max(left_.from, *newest + 1);
  if (*newest < left_.from || *newest == 0)
    left_.below = left_.from;
  return {};
}

/// The newest part of what is left: from a place on where all of it is known in the same way.
void lookup_walk::open_part() {
  const std::uint64_t range = view_.layout.range_of(left_.below - 1);
  const std::uint64_t begin = view_.layout.first_of(range);
  const std::uint64_t first = std::max(left_.from, begin);
  if (const range_hashes* hashes = in_memory(range)) {
    const std::uint64_t known_to = begin + hashes->to();
    const std::uint64_t known_from = begin + hashes->from();
#ifdef SKEIN_BUG_OPEN_RANGE_SKIPPED
    left_.below = std::max(first, std::min(left_.below, known_from));
#endif
    if (left_.below > known_to)
      read_rows(std::max(first, known_to));
    else if (left_.below > known_from)
      search_memory(*hashes, std::max(first, known_from));
    else
#ifdef SKEIN_BUG_LOADED_ROWS_SKIPPED
      left_.below = first;
#else
      read_rows(first);
#endif
    return;
  }
  if (!may_have(range)) {
    left_.below = first;
    return;
  }
  switch (search_index(range, first)) {
    case looked::up:
      return;
    case looked::not_indexed:
      return read_rows(std::max(left_.from, first_unknown(range)));
    case looked::damaged:
      return read_rows(first);
  }
}

bool lookup_walk::may_have(std::uint64_t range) {
  const std::uint64_t group = summary_layout::group_of(range);
  if (group_ != group)
    read_summary(group);
  return (ranges_ & summary_layout::bit_of(range)) != 0;
}

/// Without a summary, or with a damaged one, each range is asked.
void lookup_walk::read_summary(std::uint64_t group) {
  group_ = group;
  ranges_ = all_ranges;
  hint_summaries(group);
  const reset_at_end end{use_.group};
  const reset_at_end also{use_.summary};
  if (use_.group.bind(1, group).bind(2, view_.layout.range_events).step() != SQLITE_ROW)
    return;
  const auto place = summary_place::of(view_.layout, hash_);
  const std::int64_t row = summary_layout{view_.layout}.row_of(group, kind_, place.block);
  const int code = use_.summary.bind(1, row).step();
#ifdef SKEIN_BUG_SUMMARY_CRC_NOT_CHECKED
  const bool is_whole = code == SQLITE_ROW;
#else
  const bool is_whole = code == SQLITE_ROW &&
                        use_.summary.integer(1) == stored_crc(block_crc(row, use_.summary.blob(0)));
#endif
  const auto found =
      is_whole ? find_in_summary(use_.summary.blob(0), place.remainder) : std::nullopt;
  if (found)
    ranges_ = *found;
  else if (view_.tail)
    view_.tail->tell_damaged_summary(group);
}

/// Where the part begins that ends with this range and that neither memory nor an index knows: of
/// ranges that retention has dropped only few rows are left, and all of them are read in one go.
std::uint64_t lookup_walk::first_unknown(std::uint64_t range) {
  const reset_at_end end{use_.below};
  std::uint64_t known = 0; // the number after the next lower range that is known
  if (use_.below.bind(1, range).bind(2, view_.layout.range_events).step() == SQLITE_ROW)
    known = use_.below.natural(0) + 1;
  for (const auto& each : tail_)
    if (each->range() < range)
      known = std::max(known, each->range() + 1);
  return view_.layout.first_of(known);
}

const range_hashes* lookup_walk::in_memory(std::uint64_t range) const {
  for (const auto& each : tail_)
    if (each->range() == range)
      return each.get();
  return nullptr;
}

/// So many at once that the events of a busy key are not all gathered for one page.
void lookup_walk::search_memory(const range_hashes& hashes, std::uint64_t first) {
  const std::uint64_t begin = view_.layout.first_of(hashes.range());
  std::uint64_t at = left_.below;
  while (at > first && part_.size() < limits::lookup_matches_at_once)
    if (hashes.at(kind_, static_cast<std::uint32_t>(--at - begin)) == hash_)
      part_.push_back(at);
  std::reverse(part_.begin(), part_.end());
  left_.below = at;
}

lookup_walk::looked lookup_walk::search_index(std::uint64_t range, std::uint64_t first) {
  hint_blocks(range);
  const reset_at_end end{use_.indexed};
  const reset_at_end also{use_.block};
  int code = use_.indexed.bind(1, range).bind(2, view_.layout.range_events).step();
  if (code != SQLITE_ROW) // or its pages are damaged: the rows are there
    return code == SQLITE_DONE ? looked::not_indexed : looked::damaged;
  const std::int64_t row = view_.layout.row_of(range, kind_, view_.layout.block_of(hash_));
  code = use_.block.bind(1, row).step();
  slots_.clear();
#ifdef SKEIN_BUG_INDEX_CRC_NOT_CHECKED
  const bool is_whole = code == SQLITE_ROW;
#else
  const bool is_whole =
      code == SQLITE_ROW && use_.block.integer(1) == stored_crc(block_crc(row, use_.block.blob(0)));
#endif
  if (!is_whole || !find_in_block(use_.block.blob(0), view_.layout.remainder_of(hash_), slots_)) {
    if (view_.tail)
      view_.tail->tell_damaged(range);
    return looked::damaged;
  }
  for (const std::uint32_t slot : slots_)
    if (const std::uint64_t event = view_.layout.first_of(range) + slot;
        event >= first && event < left_.below)
      part_.push_back(event);
  left_.below = first;
  return looked::up;
}

/// Of this group and of those below it.
void lookup_walk::hint_summaries(std::uint64_t group) {
  if (group >= summaries_hinted_)
    return;
  const std::uint32_t block = summary_place::of(view_.layout, hash_).block;
  std::vector<std::int64_t> rows;
  const std::uint64_t lowest = summary_layout::group_of(view_.layout.range_of(left_.from));
  for (std::uint64_t at = group + 1; at > lowest && rows.size() < rows_at_once; --at)
    rows.push_back(summary_layout{view_.layout}.row_of(at - 1, kind_, block));
  summaries_hinted_ = group + 1 - rows.size();
  use_.hints.will_read(use_.hints.summaries, rows);
}

/// Of this range and of those of its group below it that may have a match: few at first, as the
/// first range alone may have enough.
void lookup_walk::hint_blocks(std::uint64_t range) {
  if (range >= blocks_hinted_)
    return;
  const std::uint32_t block = view_.layout.block_of(hash_);
  const std::uint64_t lowest =
      std::max(summary_layout::first_of(*group_), view_.layout.range_of(left_.from));
  std::vector<std::int64_t> rows;
  std::uint64_t at = range + 1;
  for (; at > lowest && rows.size() < blocks_ahead_; --at)
    if ((ranges_ & summary_layout::bit_of(at - 1)) != 0)
      rows.push_back(view_.layout.row_of(at - 1, kind_, block));
  blocks_hinted_ = at;
  blocks_ahead_ *= 2;
  use_.hints.will_read(use_.hints.blocks, rows);
}

void lookup_walk::read_rows(std::uint64_t first) {
  use_.rows.reset();
  use_.rows.bind(1, left_.below).bind(2, first);
  is_reading_rows_ = true;
  left_.below = first;
}

} // namespace skein::journal
