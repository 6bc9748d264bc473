#include "journal/salvage.hpp"

#include "journal/byte_words.hpp"
#include "journal/chain.hpp"
#include "journal/sealed_tables.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace skein::journal {

namespace {

constexpr int depth_max = 40;
constexpr std::size_t damages_max = 1'000;
constexpr std::int64_t no_key = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t any_key = std::numeric_limits<std::int64_t>::max();

bool is_table(page_kind kind) {
  return kind == page_kind::table_leaf || kind == page_kind::table_inner;
}
bool is_inner(page_kind kind) {
  return kind == page_kind::table_inner || kind == page_kind::index_inner;
}

/// Row numbers grow, and are those that the page above says.
bool in_order(const page_cells& found, std::int64_t above, std::int64_t up_to) {
  for (const cell_place& each : found.cells) {
    if (each.row <= above || each.row > up_to)
      return false;
    above = each.row;
  }
  return true;
}

} // namespace

result<std::unique_ptr<salvage>> salvage::open(const std::string& directory) {
  auto pages = page_source::open(directory);
  if (!pages)
    return pages.error();
  std::unique_ptr<salvage> made{new salvage{std::move(*pages)}};
  made->read_all();
  return made;
}

void salvage::read_all() {
  reached_.resize(std::size_t{pages_.pages()} + 1);
  if (pages_.damaged_frames() > 0)
    damages_.push_back("journal.db-wal: " + std::to_string(pages_.damaged_frames()) +
                       " damaged frames");
  read_schema();
  // What says how to read the others comes first.
  for (tree* each : all_)
    if (each->root == 0) {
      each->gaps.push_back({no_key, any_key});
      damages_.push_back("the table '" + std::string{each->name} + "' is not found");
    } else {
      walk(*each, each->root, {no_key, any_key}, 0);
      if (each == &meta_ && meta("unchecked_events")) {
        old_events_ = std::strtoll(meta("unchecked_events")->c_str(), nullptr, 10);
        old_commits_ = std::strtoll(meta("unchecked_commits").value_or("0").c_str(), nullptr, 10);
      }
    }
  join_gaps();
  walk_free_pages();
  if (kept_.is_lost())
    kept_part_.reset();
  for (const tree* each : all_)
    if (each->is_lost())
      return look_for_spares();
}

void salvage::read_schema() {
  schema_.root = 1;
  walk(schema_, 1, {no_key, any_key}, 0);
  for (const leaf& each : schema_.leaves) {
    if (load({each.page, 0, false}) == nullptr)
      continue;
    for (std::size_t i = 0; i < cells_.cells.size(); ++i) {
      const values* row = values_at({loaded_, static_cast<std::uint16_t>(i)});
      if (row == nullptr || row->size() < 4)
        continue;
      for (tree* known : all_)
        if ((*row)[1].bytes == known->name)
          known->root = static_cast<std::uint32_t>((*row)[3].integer());
    }
  }
}

void salvage::tell(const tree& of, std::uint32_t page) {
  if (damages_.size() < damages_max)
    damages_.push_back("journal.db: page " + std::to_string(page) + ", of '" + of.name +
                       "', cannot be read whole");
}

void salvage::walk(tree& of, std::uint32_t page, const gap& keys, int depth) {
  if (page == 0 || page >= reached_.size() || reached_[page] || depth > depth_max) {
    tell(of, page);
    of.gaps.push_back(keys);
    return;
  }
  const std::string bytes{pages_.read(page)};
  const page_cells found = cells_of(bytes, page);
  const bool is_row_table = &of == &event_ || &of == &outcome_ || &of == &commits_ ||
                            &of == &agent_ || &of == &fence_ || &of == &start_ || &of == &kept_ ||
                            &of == &dead_ || &of == &schema_;
  if (found.kind == page_kind::none || is_table(found.kind) != is_row_table) {
    tell(of, page); // not reached: what is on it may be of another table
    of.gaps.push_back(keys);
    return;
  }
  if (is_row_table && !in_order(found, keys.above, keys.up_to)) {
    tell(of, page); // looked at with the pages that nothing leads to
    of.gaps.push_back({no_key, any_key});
    return;
  }
  reached_[page] = true;
  of.stale = of.stale || pages_.is_stale(page);
  if (!found.whole) {
    tell(of, page);
    of.gaps.push_back(keys);
  }
  keep_rows(of, page, found, keys);
  if (!is_inner(found.kind))
    return;
  std::int64_t above = keys.above;
  for (const cell_place& each : found.cells) {
    walk(of, each.child, {above, is_row_table ? each.row : any_key}, depth + 1);
    above = is_row_table ? each.row : above;
  }
  walk(of, found.right, {above, keys.up_to}, depth + 1);
}

/// A page of a tree. Those of the large tables are only noted.
void salvage::keep_rows(tree& of, std::uint32_t page, const page_cells& found, const gap& keys) {
  if (found.kind == page_kind::table_inner)
    return;
  if (&of == &event_ || &of == &outcome_ || &of == &commits_ || &of == &schema_)
    return note_rows(of, page, found, keys);
  for (std::size_t i = 0; i < found.cells.size(); ++i) {
    const auto record = record_of(found.cells[i], pages_);
    const auto row = record ? values_of(*record) : std::nullopt;
    if (row)
      keep_row(of, {{page}, static_cast<std::uint16_t>(i)}, found.cells[i], *row);
    else {
      of.stale = true;
      tell(of, page);
    }
  }
}

/// A row whose checksum does not hold may be one of any number between its neighbours'.
void salvage::note_rows(tree& of, std::uint32_t page, const page_cells& found, const gap& keys) {
  if (found.cells.empty())
    return;
  of.leaves.push_back({found.cells.front().row, found.cells.back().row, page});
  for (std::size_t i = 0; i < found.cells.size() && &of != &schema_; ++i) {
    const auto record = record_of(found.cells[i], pages_);
    const auto row = record ? values_of(*record) : std::nullopt;
    if (row && is_whole(of, found.cells[i].row, *row))
      continue;
    const bool is_last = i + 1 == found.cells.size();
    of.gaps.push_back({i == 0 ? keys.above : found.cells[i - 1].row,
                       is_last ? keys.up_to : found.cells[i + 1].row - 1});
    if (damages_.size() < damages_max)
      damages_.push_back("journal.db: row " + std::to_string(found.cells[i].row) + " of '" +
                         of.name + "' does not match its checksum");
  }
}

bool salvage::is_whole(const tree& of, std::int64_t key, const values& row) const {
  if (&of == &event_)
    return columns_of(row, key, old_events_, static_cast<event_columns*>(nullptr)).has_value();
  if (&of == &outcome_)
    return columns_of(row, key, old_events_, static_cast<outcome_columns*>(nullptr)).has_value();
  return columns_of(row, key, old_commits_, static_cast<commit_columns*>(nullptr)).has_value();
}

/// So that they are in order and do not touch.
void salvage::join_gaps() {
  for (tree* each : all_) {
    std::vector<gap> all = std::exchange(each->gaps, {});
    std::sort(all.begin(), all.end(), [](const gap& a, const gap& b) { return a.above < b.above; });
    for (const gap& one : all)
      if (!each->gaps.empty() && one.above <= each->gaps.back().up_to)
        each->gaps.back().up_to = std::max(each->gaps.back().up_to, one.up_to);
      else
        each->gaps.push_back(one);
  }
}

void salvage::keep_row(tree& of, const row_place& at, const cell_place& cell, const values& row) {
  if (row.size() < columns_min(of)) {
    of.stale = true;
    tell(of, at.image.page);
  } else if (&of == &meta_) {
    keep_meta(row);
  } else if (&of == &agent_) {
    keep_agent_row(cell.row, row);
  } else if (&of == &agent_name_) {
    keep_agent(row[1].integer(), row[0].bytes);
  } else if (&of == &fence_) {
    if (is_sealed(row, 2, {cell.row, row[1].integer()}))
      epoch_max_ = std::max(epoch_max_, static_cast<std::uint64_t>(row[1].integer()));
  } else if (&of == &start_) {
    keep_start(of, cell.row, row);
  } else if (&of == &kept_) {
    keep_kept(row);
  } else if (&of == &attempt_) {
    if (attempt_of(row, old_events_))
      attempts_.try_emplace({row[0].integer(), row[1].integer()}, at);
    else
      lose_attempt(row);
  } else if (&of == &dead_) {
    dead_ids_.insert(cell.row);
  } else if (&of == &state_) {
    keep_state(at, row);
  }
}

/// Of a row that can be looked at.
std::size_t salvage::columns_min(const tree& of) const {
  if (&of == &dead_)
    return 0;
  return &of == &kept_ ? 7 : &of == &start_ ? 3 : 2;
}

/// Of which key it was may be what is damaged.
void salvage::keep_state(const row_place& at, const values& row) {
  const bool whole = is_state(row, old_events_ > 0);
  state_.stale = state_.stale || !whole;
  states_.push_back(
      {row[0].integer(), std::string{row[1].bytes}, whole, pages_.is_stale(at.image.page)});
  state_places_.push_back(at);
}

/// Of which delivery it was may be what is damaged.
void salvage::lose_attempt(const values& row) {
  attempt_.stale = true;
  if (damages_.size() < damages_max)
    damages_.push_back("an attempt of event " +
                       std::to_string(row.empty() ? 0 : row[0].integer() / 16) +
                       " does not match its checksum");
}

void salvage::keep_meta(const values& row) {
  if (row.size() < 2 || row[0].kind != stored_value::type::text)
    return;
  const stored_value& value = row[1];
  meta_values_.try_emplace(std::string{row[0].bytes}, value.kind == stored_value::type::integer
                                                          ? std::to_string(value.number)
                                                          : std::string{value.bytes});
  if (is_sealed_in_meta(row[0].bytes))
    meta_quoted_.try_emplace(std::string{row[0].bytes}, quoted(value));
}

void salvage::keep_kept(const values& row) {
  const auto natural = [&](std::size_t at) {
    return static_cast<std::uint64_t>(row[at].integer());
  };
  kept_part_ = kept_part::of_row(natural(1), row[2].bytes, natural(3), natural(4), row[5].bytes,
                                 row[6].integer());
  if (!kept_part_)
    damages_.push_back("the row of 'kept' does not match its checksum");
}

void salvage::keep_start(tree& of, std::int64_t id, const values& row) {
  if (is_sealed(row, 3, {id, row[1].integer(), row[2].integer()}))
    starts_[id] = {start_mark::none, static_cast<std::uint32_t>(row[2].integer())};
  else
    of.stale = true;
}

/// The checksum tells a name that is whole, in the row or in the index of names.
void salvage::keep_agent_row(std::int64_t number, const values& row) {
  if (row.size() > 2 && !row[2].is_null())
    agent_crcs_.emplace(number, row[2].integer());
  keep_agent(number, row[1].bytes);
}

bool salvage::is_meta_whole() const {
  const auto crc = meta("crc");
  if (!crc)
    return !meta_.is_lost();
  std::string rows;
  for (const auto& [name, value] : meta_quoted_)
    rows += (rows.empty() ? "" : ";") + name + "=" + value;
  return std::to_string(crc_of_texts({}, rows)) == *crc;
}

void salvage::keep_agent(std::int64_t number, std::string_view name) {
  if (number < 0 || number >= static_cast<std::int64_t>(limits::agents_max) || name.empty() ||
      name.size() > limits::agent_name_bytes_max)
    return;
  const auto crc = agent_crcs_.find(number);
  if (crc != agent_crcs_.end() && crc->second != crc_of_texts({number}, name))
    return;
  const auto at = static_cast<std::size_t>(number);
  if (agents_.size() <= at)
    agents_.resize(at + 1);
  if (agents_[at].empty() && std::find(agents_.begin(), agents_.end(), name) == agents_.end())
    agents_[at] = name;
}

/// What is on them is no part of the store any more.
void salvage::walk_free_pages() {
  const std::string first{pages_.read(1)};
  if (first.size() < 100 || kind_of(first, 1) == page_kind::none)
    return;
  std::uint32_t trunk =
      static_cast<std::uint32_t>(read_number(std::string_view{first}.substr(32), 4));
  while (trunk != 0 && trunk < reached_.size() && !reached_[trunk]) {
    reached_[trunk] = true;
    const std::string page{pages_.read(trunk)};
    if (page.size() < 8)
      return;
    trunk = static_cast<std::uint32_t>(read_number(page, 4));
    const std::size_t count = read_number(std::string_view{page}.substr(4), 4);
    for (std::size_t i = 0; i < count && 12 + 4 * i <= page.size(); ++i) {
      const std::size_t free = read_number(std::string_view{page}.substr(8 + 4 * i), 4);
      if (free < reached_.size())
        reached_[free] = true;
    }
  }
}

/// Every page that no tree leads to, and every older image.
void salvage::look_for_spares() {
  if (std::exchange(spares_known_, true))
    return;
  for (std::uint32_t page = 1; page < reached_.size(); ++page)
    if (!reached_[page])
      keep_spares({page, 0, false}, true);
  for (const page_image& each : pages_.others())
    keep_spares(each, false);
}

void salvage::keep_spares(const page_image& image, bool is_current) {
  const std::string bytes{image.in_log ? pages_.read(image) : pages_.read(image.page)};
  const page_cells found = cells_of(bytes, image.in_log ? 2 : image.page);
  for (std::size_t i = 0; i < found.cells.size(); ++i) {
    const cell_place& cell = found.cells[i];
    const auto record =
        found.kind == page_kind::table_inner ? std::nullopt : record_of(cell, pages_);
    const auto row = record ? values_of(*record) : std::nullopt;
    if (!row)
      continue;
    const row_place at{image, static_cast<std::uint16_t>(i)};
    if (found.kind == page_kind::table_leaf) {
      if (columns_of(*row, cell.row, 0, static_cast<event_columns*>(nullptr)))
        event_.spares.emplace(cell.row, at);
      else if (columns_of(*row, cell.row, 0, static_cast<outcome_columns*>(nullptr)))
        outcome_.spares.emplace(cell.row, at);
      else if (columns_of(*row, cell.row, 0, static_cast<commit_columns*>(nullptr)))
        commits_.spares.emplace(cell.row, at);
      else if (is_current && agent_.is_lost() && is_agent(cell.row, *row))
        keep_agent_row(cell.row, *row);
      else if (is_current && start_.is_lost() && is_start(cell.row, *row))
        keep_row(start_, at, cell, *row);
    } else if (attempt_of(*row, 0)) {
      (image.committed ? attempts_ : loose_attempts_)
          .try_emplace({(*row)[0].integer(), (*row)[1].integer()}, at);
    } else if (is_current && state_.is_lost() && is_state(*row, false)) {
      keep_row(state_, at, cell, *row);
    } else if (is_current && meta_.is_lost() && row->size() == 2) {
      keep_meta(*row);
    }
  }
}

const std::string* salvage::load(const page_image& image) {
  if (page_.empty() || loaded_.page != image.page || loaded_.offset != image.offset ||
      loaded_.in_log != image.in_log) {
    page_ = image.in_log ? pages_.read(image) : pages_.read(image.page);
    loaded_ = image;
    cells_ = cells_of(page_, image.in_log ? 2 : image.page);
  }
  return page_.empty() ? nullptr : &page_;
}

const salvage::values* salvage::values_at(const row_place& place) {
  if (load(place.image) == nullptr || place.cell >= cells_.cells.size())
    return nullptr;
  auto record = record_of(cells_.cells[place.cell], pages_);
  if (!record)
    return nullptr;
  record_ = std::move(*record);
  auto found = values_of(record_);
  if (!found)
    return nullptr;
  values_ = std::move(*found);
  return &values_;
}

bool salvage::is_in_gap(const tree& in, std::int64_t key) const {
  const auto behind =
      std::lower_bound(in.gaps.begin(), in.gaps.end(), key,
                       [](const gap& each, std::int64_t wanted) { return each.above < wanted; });
  return in.stale || pages_.damaged_frames() > 0 ||
         (behind != in.gaps.begin() && key <= std::prev(behind)->up_to);
}

template <class Columns>
std::optional<Columns> salvage::find_in_leaves(tree& in, std::int64_t key, std::int64_t old_to,
                                               bool& is_there) {
  auto at =
      std::upper_bound(in.leaves.begin(), in.leaves.end(), key,
                       [](std::int64_t wanted, const leaf& each) { return wanted < each.first; });
  if (at != in.leaves.begin() && (--at)->last >= key && load({at->page, 0, false}) != nullptr) {
    for (std::size_t i = 0; i < cells_.cells.size(); ++i) {
      if (cells_.cells[i].row != key)
        continue;
      is_there = true;
      if (const values* row = values_at({loaded_, static_cast<std::uint16_t>(i)}))
        if (auto found = columns_of(*row, key, old_to, static_cast<Columns*>(nullptr)))
          return found;
    }
  }
  return std::nullopt;
}

template <class Columns>
std::optional<Columns> salvage::find(tree& in, std::int64_t key, std::int64_t old_to,
                                     const judge<Columns>& fits) {
  // A commit that the mark names may stand behind a tree that is whole, and so may what is in it.
  bool missed = is_in_gap(in, key) || ((fits || &in == &commits_) && in.spares.contains(key));
  if (auto found = find_in_leaves<Columns>(in, key, old_to, missed); found || !missed)
    return found;
  look_for_spares();
  const auto [first, last] = in.spares.equal_range(key);
  for (auto spare = first; spare != last; ++spare) {
    if (!fits && !spare->second.image.committed)
      continue;
    if (const values* row = values_at(spare->second))
      if (auto found = columns_of(*row, key, 0, static_cast<Columns*>(nullptr)))
        if (!fits || fits(*found))
          return found;
  }
  return std::nullopt;
}

std::optional<std::string> salvage::meta(const std::string& name) const {
  const auto at = meta_values_.find(name);
  return at == meta_values_.end() ? std::nullopt : std::optional{at->second};
}

std::optional<event_columns> salvage::event(std::int64_t number, const judge<event_columns>& fits) {
  return find<event_columns>(event_, number, old_events_, fits);
}

bool salvage::has_kept_event(std::int64_t number) {
  bool is_there = false;
  static_cast<void>(find_in_leaves<event_columns>(event_, number, old_events_, is_there));
  return is_there;
}

bool salvage::has_kept_outcome(std::int64_t id) {
  bool is_there = false;
  return find_in_leaves<outcome_columns>(outcome_, id, old_events_, is_there).has_value();
}

std::optional<outcome_columns> salvage::outcome(std::int64_t id,
                                                const judge<outcome_columns>& fits) {
  return find<outcome_columns>(outcome_, id, old_events_, fits);
}

bool salvage::has_dead(std::int64_t event) const {
  const auto at = dead_ids_.lower_bound(event * 16);
  return at != dead_ids_.end() && *at / 16 == event;
}

std::optional<commit_columns> salvage::commit(std::int64_t number) {
  return find<commit_columns>(commits_, number, old_commits_);
}

std::optional<attempt_columns> salvage::attempt(std::int64_t id, std::int64_t attempt) {
  const auto at = attempts_.find({id, attempt});
  const values* row = at == attempts_.end() ? nullptr : values_at(at->second);
  return row == nullptr ? std::nullopt : attempt_of(*row, old_events_);
}

bool salvage::take_attempt(std::int64_t id, std::int64_t attempt) {
  const auto at = loose_attempts_.find({id, attempt});
  return at != loose_attempts_.end() && attempts_.insert(*at).second;
}

/// Its digest stands for the row: nothing else that was ever written has it.
void salvage::take_commit(std::int64_t number, const hash128& digest) {
  if (commit(number))
    return;
  look_for_spares();
  const auto [first, last] = commits_.spares.equal_range(number);
  for (auto spare = first; spare != last; ++spare) {
    const values* row = values_at(spare->second);
    if (row != nullptr && row->size() > 10 && digest_of_bytes((*row)[10].bytes) == digest)
      spare->second.image.committed = true;
  }
}

std::vector<std::int64_t> salvage::attempts_of(std::int64_t id) const {
  std::vector<std::int64_t> numbers;
  for (auto at = attempts_.lower_bound({id, no_key});
       at != attempts_.end() && at->first.first == id; ++at)
    numbers.push_back(at->first.second);
  return numbers;
}

/// The last row that is whole: a damaged one may have any number.
template <class Columns>
std::int64_t salvage::last_of(tree& in, std::int64_t old_to) {
  auto newest = std::find_if(in.spares.rbegin(), in.spares.rend(),
                             [](const auto& each) { return each.second.image.committed; });
  const std::int64_t spare = newest == in.spares.rend() ? 0 : newest->first;
  for (auto at = in.leaves.rbegin(); at != in.leaves.rend(); ++at) {
    std::vector<std::int64_t> keys;
    if (load({at->page, 0, false}) != nullptr)
      for (const cell_place& each : cells_.cells)
        keys.push_back(each.row);
    for (auto key = keys.rbegin(); key != keys.rend(); ++key)
      if (find<Columns>(in, *key, old_to))
        return std::max(*key, spare);
  }
  return spare;
}

std::int64_t salvage::last_event() { return last_of<event_columns>(event_, old_events_); }
std::int64_t salvage::last_commit() { return last_of<commit_columns>(commits_, old_commits_); }

std::optional<std::string> salvage::state_value(std::size_t index) {
  const values* row = values_at(state_places_[index]);
  if (row == nullptr || row->size() < 3)
    return std::nullopt;
  return std::string{(*row)[2].bytes};
}

} // namespace skein::journal
