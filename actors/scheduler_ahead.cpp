// scheduler_core: events whose time is further off than a moment are on disk only.
//
//            unknown_from
//   -----------|--------------------------------> time
//    in memory | on disk: the timers that the journal keeps
//
// A moment before the earliest of them its rows are read (look_ahead), and those of all that come
// within the same moment after it: a reading looks at the timers of whole seconds, so that it is
// not made for a few. Nothing that became ready at or after `unknown_from` starts before:
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
void scheduler_core::leave_on_disk(tenure& of, instant at) {
#ifndef SKEIN_BUG_FAR_TIMER_LOST
  of.left_on_disk = std::min(of.left_on_disk, at);
#endif
  of.unknown_from = std::min(of.unknown_from, at);
}

/// An event expires that is nowhere in memory. What comes within a moment may stand before what is
/// read of the disk: its timer is kept here.
void scheduler_core::leave_expiry(event_id event, instant at) {
  tenure& of = tenure_of(event.shard);
  if (is_far(of, at))
    leave_on_disk(of, at);
  else
    timers_.set(at, {event.sequence, true});
}

/// Its event went to an away list: whoever reads the timer later is not to take it for one that
/// sleeps.
void scheduler_core::know_timer(const journal::timer& which) {
  tenure& of = tenure_of(which.event.shard);
  if (which <= of.after)
    return;
#ifndef SKEIN_BUG_KNOWN_TIMER_TWICE
  of.known_timers.insert(which);
#endif
  leave_on_disk(of, which.at); // so that the reading comes to it, and it can go
}

/// Half of what is read then, so that readings are as far apart as that at least.
duration scheduler_core::look_before() const noexcept { return settings_.window.ahead / 2; }

bool scheduler_core::is_far(const tenure& of, instant due) const noexcept {
  return due > of.asked_until && due > now_.wall + settings_.window.ahead;
}

void scheduler_core::look_ahead() {
  for (const auto& [number, of] : tenures_)
    if (!reads_again_)
      look_ahead(number);
}

void scheduler_core::look_ahead(std::uint32_t number) {
  tenure& of = tenures_.at(number);
  if (!of.past_is_known && !of.reading_past) {
    of.reading_past = true;
    out_->push_back(read_timers_effect{
        number, true, {settings_.loops, settings_.loop, true, of.after_past, of.opened_at}});
  }
  const bool is_busy = of.reading_ahead || of.sleepers_asked > 0;
  const instant until = end_of_second(now_.wall + settings_.window.ahead);
  if (is_busy || of.unknown_from > now_.wall + look_before() ||
      sleeping_ >= settings_.window.deliveries)
    return;
  of.reading_ahead = true;
  // What was left there until now is on disk, and in the page.
  of.disk_from = of.unknown_from;
  of.left_on_disk = instant::max();
  of.asked_until = std::max(of.asked_until, until);
  if (of.after == journal::timer{})
    of.after.at = start_of_second(of.opened_at);
  out_->push_back(read_timers_effect{
      number, false, {settings_.loops, settings_.loop, false, of.after, of.asked_until}});
}

void scheduler_core::on(timers_in& input) {
  const auto found = tenures_.find(input.tenure);
  if (found == tenures_.end())
    return; // its shards have gone
  tenure& of = found->second;
  (input.past ? of.reading_past : of.reading_ahead) = false;
  if (!input.page) {
    log(log_severity::error, "timers-unread", to_string(input.page.error()));
    reading_failed();
    return;
  }
  if (input.past)
    take_past(input.tenure, *input.page);
  else
    take_near(input.tenure, *input.page);
}

/// Of the timers of a page, those of the tenure's shards count.
bool scheduler_core::is_of(std::uint32_t number, const journal::timer& which) const noexcept {
  return is_here(which.event.shard) && tenure_no_of(which.event.shard) == number;
}

void scheduler_core::take_past(std::uint32_t number, const journal::timer_page& page) {
  tenure& of = tenures_.at(number);
  for (const journal::timer& each : page.timers)
    if (each.expiry && is_of(number, each))
      fire_timer(each.event.sequence, true);
  of.past_is_known = !page.more;
  if (!page.timers.empty())
    of.after_past = page.timers.back();
}

void scheduler_core::take_near(std::uint32_t number, const journal::timer_page& page) {
  tenure& of = tenures_.at(number);
  std::vector<std::uint64_t> sleepers;
  for (const journal::timer& each : page.timers) {
    if (!is_of(number, each)) {
      of.known_timers.erase(each);
      continue; // another tenure's, or another node's by now
    }
    // One whose commit has not been answered here yet comes with that answer: numbers do so in
    // order. What was due at the opening was told then.
    if (each.event.sequence > of.arrived_to || each.at <= of.opened_at)
      continue;
    if (of.known_timers.erase(each) > 0 || lanes_.find_event(each.event.sequence) != no_slot)
      continue; // it is here, with its timers
    if (each.expiry)
      timers_.set(each.at, {each.event.sequence, true});
    else
      sleepers.push_back(each.event.sequence);
  }
  if (!page.timers.empty())
    of.after = page.timers.back();
  of.disk_then = page.more ? start_of_second(of.after.at) : page.next;
  for (std::size_t at = 0; at < sleepers.size(); at += limits::window_fetch_rows) {
    const std::size_t end = std::min(sleepers.size(), at + limits::window_fetch_rows);
    std::vector<std::uint64_t> some(sleepers.begin() + static_cast<std::ptrdiff_t>(at),
                                    sleepers.begin() + static_cast<std::ptrdiff_t>(end));
    ++of.sleepers_asked;
    ask(some, {rows_asked::purpose::sleepers, {{}, {}, number}, some});
  }
  if (of.sleepers_asked == 0)
    know_ahead(of);
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
  const auto of = tenures_.find(asked.owner.tenure);
  if (of != tenures_.end() && --of->second.sleepers_asked == 0)
    know_ahead(of->second);
}

/// All that was asked for is in memory.
void scheduler_core::know_ahead(tenure& of) {
  of.disk_from = of.disk_then;
  of.unknown_from = std::min(of.disk_from, of.left_on_disk);
  for (const auto& [agent, key] : std::exchange(of.gated, {}))
    if (const std::uint32_t lane_slot = lanes_.find_lane(agent, key);
        lane_slot != no_slot && std::exchange(lanes_.lanes[lane_slot].gated, false))
      lanes_.set_loading(lane_slot, false); // not of a lane that came back and waits for a row
}

} // namespace skein
