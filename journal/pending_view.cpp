#include "journal/pending_view.hpp"

#include "journal/sqlite_codec.hpp"

#include <algorithm>
#include <utility>

namespace skein::journal {

namespace {

/// Accepted events, and ended deliveries, after what was saved: more than a second's worth. What is
/// looked at of them is not counted for the scan budget.
constexpr std::size_t unsaved_max = limits::scan_budget_rows;

error failed(statement& which, int code) {
  return sqlite_error(which.db(), code, "reading what is pending");
}

} // namespace

result<void> pending_statements::prepare(database& db) {
  return db.prepare_all(
      {{&saved, "SELECT " SKEIN_PENDING_SAVED_COLUMNS " FROM pending_saved"},
       {&commits, "SELECT " SKEIN_COMMIT_COLUMNS " FROM commits WHERE no >= ? ORDER BY no"},
       {&range, "SELECT " SKEIN_PENDING_RANGE_COLUMNS " FROM pending_range WHERE no <= ? "
                "ORDER BY no DESC LIMIT 1"},
       {&route, "SELECT " SKEIN_ROUTE_COLUMNS " FROM route WHERE code = ?"},
       {&deliveries, "SELECT deliveries FROM event WHERE no = ?"}});
}

result<bool> pending_view::open(const unchecked_rows& old) {
  const reset_at_end end{use_.saved};
  const int code = use_.saved.step();
  if (code != SQLITE_ROW && code != SQLITE_DONE)
    return failed(use_.saved, code);
  const auto saved = code == SQLITE_ROW ? position_at(use_.saved) : std::nullopt;
  met_damage_ = code == SQLITE_ROW && !saved;
  if (!saved || saved->range_events != range_events_)
    return false;
  return read_commits(saved->upto, old);
}

/// From the last one that was saved on, where what the others accepted begins; it may be gone.
/// False if the next one is missing too, or if there are too many.
result<bool> pending_view::read_commits(commit_no saved, const unchecked_rows& old) {
  const reset_at_end ends{use_.commits};
  use_.commits.bind(1, raw(saved));
  bool is_first = true;
  int code = SQLITE_OK;
  while ((code = use_.commits.step()) == SQLITE_ROW) {
    const auto commit = commit_at(use_.commits, old);
    if (!commit)
      return commit.error();
    const auto number = static_cast<std::uint64_t>(commit->no);
    if (is_first && number > raw(saved) + 1)
      return false;
    if (std::exchange(is_first, false))
      accepted_from_ = static_cast<std::uint64_t>(commit->first_event) +
                       (number == raw(saved) ? static_cast<std::uint64_t>(commit->events) : 0);
    if (number == raw(saved))
      continue;
    const auto end = static_cast<std::uint64_t>(commit->first_event + commit->events);
    if (end > accepted_from_ + unsaved_max || ended_.size() > unsaved_max)
      return false;
    const auto list = read_outcome_list(commit->outcomes);
    if (!list)
      return damaged_store("a commit's outcomes are not readable");
    for (const delivery_id& each : *list)
      ended_.push_back(each.event.sequence * 16 + each.index);
  }
  if (code != SQLITE_DONE)
    return failed(use_.commits, code);
  std::sort(ended_.begin(), ended_.end());
  return !is_first;
}

result<std::uint64_t> pending_view::newest_below(std::uint64_t below) {
  if (below > accepted_from_) {
#ifndef SKEIN_BUG_ACCEPTED_SINCE_SKIPPED
    const auto found = newest_accepted(below);
    if (!found || *found != 0)
      return found;
#endif
    below = accepted_from_;
  }
  return newest_saved(below);
}

result<bool> pending_view::may_be(std::uint64_t sequence) {
  if (sequence >= accepted_from_)
    return is_live(sequence);
  if (auto loaded = load(sequence / range_events_); !loaded)
    return loaded.error();
  if (range_ != sequence / range_events_)
    return false;
  if (!marks_)
    return true;
  const std::uint64_t slot = sequence % range_events_;
  const auto mark = first_from(slot);
  return mark != marks_->end() && mark->slot == slot ? may_be(sequence, mark->mark)
                                                     : result<bool>{false};
}

result<std::optional<pending_mark>> pending_view::mark_of(std::uint64_t sequence) {
  if (auto loaded = load(sequence / range_events_); !loaded)
    return loaded.error();
  const bool has_row = range_ == sequence / range_events_;
  if (has_row && !marks_) {
    met_damage_ = true;
    return std::optional<pending_mark>{};
  }
  const std::uint64_t slot = sequence % range_events_;
  if (const auto at = has_row ? first_from(slot) : placed_marks::const_iterator{};
      has_row && at != marks_->end() && at->slot == slot) {
    pending_mark found = at->mark;
    found.live = static_cast<std::uint16_t>(found.live & ~ended(sequence));
    return std::optional{found};
  }
  return sequence < accepted_from_ ? std::optional{pending_mark{}} : std::nullopt;
}

result<std::optional<delivery_list>> pending_view::deliveries_of(const pending_mark& mark) {
  const reset_at_end end{use_.route};
  const int code = use_.route.bind(1, std::int64_t{mark.route()}).step();
  if (code != SQLITE_ROW && code != SQLITE_DONE)
    return failed(use_.route, code);
  auto list = code == SQLITE_ROW ? route_at(use_.route) : std::nullopt;
  met_damage_ = met_damage_ || (!list && mark.route() != 0);
  return list;
}

/// Of the marks that are loaded.
placed_marks::const_iterator pending_view::first_from(std::uint64_t slot) const {
  return std::lower_bound(
      marks_->begin(), marks_->end(), slot,
      [](const placed_mark& each, std::uint64_t wanted) { return each.slot < wanted; });
}

result<bool> pending_view::may_be(std::uint64_t sequence, const pending_mark& mark) {
  return (mark.live & ~ended(sequence)) == 0 ? result<bool>{false} : is_of_agent(mark.route());
}

result<std::uint64_t> pending_view::newest_accepted(std::uint64_t below) {
  while (below-- > accepted_from_) {
    const auto live = is_live(below);
    if (!live)
      return live.error();
    if (*live)
      return below;
  }
  return std::uint64_t{0};
}

/// By its row: how many deliveries it has is not known from the commits.
result<bool> pending_view::is_live(std::uint64_t sequence) {
  const reset_at_end end{use_.deliveries};
  const int code = use_.deliveries.bind(1, sequence).step();
  if (code == SQLITE_DONE)
    return false;
  if (code != SQLITE_ROW)
    return failed(use_.deliveries, code);
  const auto deliveries = read_deliveries(use_.deliveries.text(0));
  if (!deliveries)
    return true;
  const std::uint32_t all = (1u << deliveries->size()) - 1;
  return (all & ~ended(sequence)) != 0;
}

result<std::uint64_t> pending_view::newest_saved(std::uint64_t below) {
  while (below > 0) {
    if (auto loaded = load((below - 1) / range_events_); !loaded)
      return loaded.error();
    if (!range_)
      break;
    const std::uint64_t first = *range_ * range_events_;
    below = std::min(below, first + range_events_);
    if (!marks_)
      return below - 1;
    for (auto mark = first_from(below - first); mark != marks_->begin();) {
      --mark;
      const auto fits = may_be(first + mark->slot, mark->mark);
      if (!fits)
        return fits.error();
      if (*fits)
        return first + mark->slot;
    }
    below = first;
  }
  return std::uint64_t{0};
}

/// The marks of this range, or of the newest one before it that has some.
result<void> pending_view::load(std::uint64_t range) {
  if (is_loaded_ && range <= asked_ && (!range_ || range >= *range_))
    return {};
  const reset_at_end end{use_.range};
  const int code = use_.range.bind(1, range).step();
  if (code != SQLITE_ROW && code != SQLITE_DONE)
    return failed(use_.range, code);
  is_loaded_ = true;
  asked_ = range;
  range_.reset();
  marks_.reset();
  if (code == SQLITE_ROW) {
    range_ = use_.range.natural(0);
    marks_ = marks_at(use_.range, range_events_);
  }
  return {};
}

/// A route that is not known may be of any.
result<bool> pending_view::is_of_agent(route_code route) {
  if (!agent_ || route == 0)
    return true;
  if (const auto known = routes_.find(route); known != routes_.end())
    return known->second;
  const reset_at_end end{use_.route};
  const int code = use_.route.bind(1, std::int64_t{route}).step();
  if (code != SQLITE_ROW && code != SQLITE_DONE)
    return failed(use_.route, code);
  const auto list = code == SQLITE_ROW ? route_at(use_.route) : std::nullopt;
  const bool has = !list || std::find(list->begin(), list->end(), *agent_) != list->end();
  return routes_[route] = has;
}

std::uint32_t pending_view::ended(std::uint64_t sequence) const {
  std::uint32_t found = 0;
  for (auto at = std::lower_bound(ended_.begin(), ended_.end(), sequence * 16);
       at != ended_.end() && *at / 16 == sequence; ++at)
    found |= 1u << *at % 16;
  return found;
}

result<statement*> pending_walk::next() {
  while (left_.below > left_.from) {
    const auto event = view_.newest_below(left_.below);
    if (!event)
      return event.error();
    left_.below = std::max(left_.from, *event);
    if (*event == 0 || *event < left_.from)
      break;
    find_.reset();
    const int code = find_.bind(1, *event).step();
    if (code == SQLITE_ROW)
      return &find_;
    if (code != SQLITE_DONE)
      return failed(find_, code);
  }
  return static_cast<statement*>(nullptr);
}

} // namespace skein::journal
