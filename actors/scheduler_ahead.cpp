// scheduler_core: events whose time is further off than a moment are on disk only.
//
//            unknown_from_
//   -----------|--------------------------------> time
//    in memory | on disk: the timers that the journal keeps
//
// A moment before the earliest of them its rows are read (look_ahead), and those of all that come
// within the same moment after it: a reading looks at the timers of whole seconds, so that it is
// not made for a few. Nothing that became ready at or after `unknown_from_` starts before:
// something due earlier might belong to its lane. What was due at the opening is told by recover();
// of the past only expiries are asked for once, page by page, so that what expired while no process
// ran ends, even if it is far back in an away list.
#include "actors/scheduler_core.hpp"

#include "protocol/check.hpp"

#include <algorithm>
#include <utility>

namespace skein {

namespace {

/// Readings end with a second, as the order of timers is one of seconds.
instant end_of_second(instant at) noexcept {
  return start_of_second(at) + std::chrono::seconds{1} - duration{1};
}

} // namespace

/// A timer that is nowhere in memory.
void scheduler_core::leave_on_disk(instant at) {
#ifndef SKEIN_BUG_FAR_TIMER_LOST
  left_on_disk_ = std::min(left_on_disk_, at);
#endif
  unknown_from_ = std::min(unknown_from_, at);
}

/// An event expires that is nowhere in memory. What comes within a moment may stand before what is
/// read of the disk: its timer is kept here.
void scheduler_core::leave_expiry(event_id event, instant at) {
  if (is_far(at))
    leave_on_disk(at);
  else
    timers_.set(at, {event.sequence, true});
}

/// Its event went to an away list: whoever reads the timer later is not to take it for one that
/// sleeps.
void scheduler_core::know_timer(const journal::timer& which) {
  if (which <= after_)
    return;
#ifndef SKEIN_BUG_KNOWN_TIMER_TWICE
  known_timers_.insert(which);
#endif
  leave_on_disk(which.at); // so that the reading comes to it, and it can go
}

/// Half of what is read then, so that readings are as far apart as that at least.
duration scheduler_core::look_before() const noexcept { return settings_.window.ahead / 2; }

bool scheduler_core::is_far(instant due) const noexcept {
  return due > asked_until_ && due > now_.wall + settings_.window.ahead;
}

void scheduler_core::look_ahead() {
  if (reads_again_)
    return;
  if (!past_is_known_ && !reading_past_) {
    reading_past_ = true;
    out_->push_back(read_timers_effect{
        true, {settings_.loops, settings_.loop, true, after_past_, settings_.opened_at}});
  }
  const bool is_busy = reading_ahead_ || sleepers_asked_ > 0;
  const instant until = end_of_second(now_.wall + settings_.window.ahead);
  if (is_busy || unknown_from_ > now_.wall + look_before() ||
      sleeping_ >= settings_.window.deliveries)
    return;
  reading_ahead_ = true;
  // What was left there until now is on disk, and in the page.
  disk_from_ = unknown_from_;
  left_on_disk_ = instant::max();
  asked_until_ = std::max(asked_until_, until);
  if (after_ == journal::timer{})
    after_.at = start_of_second(settings_.opened_at);
  out_->push_back(
      read_timers_effect{false, {settings_.loops, settings_.loop, false, after_, asked_until_}});
}

void scheduler_core::on(timers_in& input) {
  (input.past ? reading_past_ : reading_ahead_) = false;
  if (!input.page) {
    log(log_severity::error, "timers-unread", to_string(input.page.error()));
    reading_failed();
    return;
  }
  if (input.past)
    take_past(*input.page);
  else
    take_near(*input.page);
}

void scheduler_core::take_past(const journal::timer_page& page) {
  for (const journal::timer& each : page.timers)
    if (each.expiry)
      fire_timer(each.event.sequence, true);
  past_is_known_ = !page.more;
  if (!page.timers.empty())
    after_past_ = page.timers.back();
}

void scheduler_core::take_near(const journal::timer_page& page) {
  std::vector<std::uint64_t> sleepers;
  for (const journal::timer& each : page.timers) {
    // One whose commit has not been answered here yet comes with that answer: numbers do so in
    // order. What was due at the opening was told then.
    if (each.event.sequence > arrived_to_ || each.at <= settings_.opened_at)
      continue;
    if (known_timers_.erase(each) > 0 || lanes_.find_event(each.event.sequence) != no_slot)
      continue; // it is here, with its timers
    if (each.expiry)
      timers_.set(each.at, {each.event.sequence, true});
    else
      sleepers.push_back(each.event.sequence);
  }
  if (!page.timers.empty())
    after_ = page.timers.back();
  disk_then_ = page.more ? start_of_second(after_.at) : page.next;
  for (std::size_t at = 0; at < sleepers.size(); at += limits::window_fetch_rows) {
    const std::size_t end = std::min(sleepers.size(), at + limits::window_fetch_rows);
    std::vector<std::uint64_t> some(sleepers.begin() + static_cast<std::ptrdiff_t>(at),
                                    sleepers.begin() + static_cast<std::ptrdiff_t>(end));
    ++sleepers_asked_;
    ask(some, {rows_asked::purpose::sleepers, {}, some});
  }
  if (sleepers_asked_ == 0)
    know_ahead();
}

void scheduler_core::take_sleepers(rows_asked& asked, rows_read& read) {
  if (!read) {
    asked_in_vain_.push_back(std::move(asked)); // still counted as asked for
    return;
  }
  for (journal::pending_delivery& row : *read) {
    if (is_taken_out(row.delivery))
      continue;
    const std::uint32_t slot = bring_in(row);
    put_to_sleep(lanes_.deliveries[slot].event, row.key, row.due);
  }
  fire_due_timers(); // before anything that stands behind them may start
  if (--sleepers_asked_ == 0)
    know_ahead();
}

/// All that was asked for is in memory.
void scheduler_core::know_ahead() {
  disk_from_ = disk_then_;
  unknown_from_ = std::min(disk_from_, left_on_disk_);
  for (const auto& [agent, key] : std::exchange(gated_, {}))
    if (const std::uint32_t lane_slot = lanes_.find_lane(agent, key);
        lane_slot != no_slot && std::exchange(lanes_.lanes[lane_slot].gated, false))
      lanes_.set_loading(lane_slot, false); // not of a lane that came back and waits for a row
}

} // namespace skein
