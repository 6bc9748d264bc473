// scheduler_core: the window of deliveries that are in memory.
//
//   lane:  [first ... last]  in memory      away list:  from | 45 46 61 ...   numbers, on disk
//                                                 late: 12 at 10:00 ...       became due meanwhile
//
// Of each lane the first pending deliveries are here, in lane order. An agent whose share of the
// window is full gets an away list: what becomes ready for it goes there, one to three bytes each,
// and is read when there is room. A lane that grows over a part of its agent's share gets one too.
// So one blocked agent fills its own share at most, and one long lane a part of that.
//
// Nothing overtakes: all that stands before `from` is here. A portion of the list is read, then
// those that became due in between (late); what nothing late stands before any more enters the
// lanes, and `from` moves on. Of `late` only what has a certain place is taken
// (scheduler_time.cpp). And nothing is put where something of its lane with a later place may pass
// it: has_later_here, has_later_away.
#include "actors/scheduler_core.hpp"

#include "protocol/check.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace skein {

namespace {

constexpr std::uint32_t crashes_max = 3; // alone; then the delivery is dead

/// A turn that is due then is not due in the life of this process.
constexpr duration till_next_opening = std::chrono::hours{24 * 365 * 50};

using rows = std::vector<journal::pending_delivery>;

/// Those of one event; `all` is in order of events.
auto rows_of(rows& all, std::uint64_t sequence) {
  const auto before = [](const journal::pending_delivery& row, std::uint64_t number) {
    return row.delivery.event.sequence < number;
  };
  const auto first = std::lower_bound(all.begin(), all.end(), sequence, before);
  const auto last = std::lower_bound(first, all.end(), sequence + 1, before);
  return std::pair{first, last};
}

std::vector<std::uint64_t> take_front(sequence_queue& from, std::size_t count) {
  std::vector<std::uint64_t> taken;
  taken.reserve(std::min(count, from.size()));
  while (taken.size() < count && !from.empty())
    taken.push_back(from.pop());
  return taken;
}

lane_place place_of(const journal::pending_delivery& row) {
  return {std::max(row.accepted, row.due), row.delivery.event.sequence};
}

} // namespace

// ---- how much there may be --------------------------------------------------------------------

std::size_t scheduler_core::agent_window() const noexcept {
  return std::max(settings_.window.of_agent, settings_.window.deliveries / sharing_agents_);
}

/// What an agent has in memory of its window: not those that sleep, which may be for days, so that
/// they keep nobody out. They have a share of their own, as large as that of many windows.
std::size_t scheduler_core::window_used(agent_no agent) const noexcept {
#ifdef SKEIN_BUG_SLEEPERS_FILL_THE_WINDOW
  return lanes_.deliveries_here(agent);
#endif
  const std::size_t most =
      std::max(settings_.window.of_agent, settings_.window.sleepers / sharing_agents_);
  return lanes_.deliveries_here(agent) - std::min(most, lanes_.asleep_count(agent));
}

std::size_t scheduler_core::lane_window() const noexcept {
  return std::clamp<std::size_t>(agent_window() / 4, 2, settings_.window.of_lane);
}

// ---- what stays on disk -----------------------------------------------------------------------

/// Something of the lane with a later place is here, and would start before what is left to the
/// disk.
bool scheduler_core::has_later_here(std::uint32_t lane_slot, const lane_place& at) const noexcept {
#ifdef SKEIN_BUG_LIST_BEGUN_BEFORE_DUE
  return false;
#endif
  std::uint32_t last = lane_slot == no_slot ? no_slot : lanes_.lanes[lane_slot].tail;
  while (last != no_slot && lanes_.deliveries[last].at == stage::closing) // it is over
    last = lanes_.deliveries[last].previous;
  if (last == no_slot)
    return false;
  const live_delivery& there = lanes_.deliveries[last];
  return at < lane_place{there.ready_at, lanes_.events[there.event].id.sequence};
}

/// The lane's own list has something with a later place: it may come in before what is on the
/// agent's.
bool scheduler_core::has_later_away(std::uint32_t lane_slot, const lane_place& at) const noexcept {
#ifdef SKEIN_BUG_LANE_LIST_PASSES_AGENT_LIST
  return false;
#endif
  return lane_slot != no_slot && lanes_.has_away(lane_slot) &&
         at < lanes_.lanes[lane_slot].away->last;
}

/// The away list that something at this place belongs to; none if it is to be in memory. A list is
/// begun where there is no more room.
away_list* scheduler_core::list_for(tenure& of, agent_no agent, std::string_view key,
                                    const lane_place& at) {
  away_list& of_agent = of.away[raw(agent)];
  const bool has_list = !of_agent.empty();
  const std::uint32_t lane_slot = lanes_.find_lane(agent, key);
  if (has_later_here(lane_slot, at))
    return nullptr;
  if (has_later_away(lane_slot, at))
    return lane_list_for(lane_slot, at);
  if (!has_list && window_used(agent) >= agent_window())
    of_agent.from = at;
  else if (!has_list || at < of_agent.from)
    return lane_list_for(lane_slot, at);
  return &of_agent;
}

away_list* scheduler_core::lane_list_for(std::uint32_t lane_slot, const lane_place& at) {
  if (lane_slot == no_slot)
    return nullptr;
  lane& in = lanes_.lanes[lane_slot];
  if (lanes_.has_away(lane_slot))
    return at < in.away->from ? nullptr : in.away.get();
  if (in.size < lane_window())
    return nullptr;
  in.away = std::make_unique<away_list>();
  in.away->from = at;
  long_lanes_.insert(lane_slot);
  return in.away.get();
}

/// Behind all that waits there: what was accepted later has a later place.
void scheduler_core::put_away(away_list& list, const lane_place& at) {
  list.waiting.push(at.sequence);
  list.last = std::max(list.last, at);
}

/// It has become due, and is left to the disk.
void scheduler_core::put_late(away_list& list, const lane_place& at) {
#ifdef SKEIN_BUG_LATE_NOT_MERGED
  return put_away(list, at);
#endif
  auto before = list.late.end();
  while (before != list.late.begin() && at < *std::prev(before))
    --before;
  list.late.insert(before, at);
  list.last = std::max(list.last, at);
}

void scheduler_core::forget(std::uint32_t slot) {
  const live_event& event = lanes_.events[lanes_.deliveries[slot].event];
  if (event.live == 1) {
    body_bytes_ -= event.body.size();
    if (event.expires != no_instant)
      leave_expiry(event.id, event.expires);
  }
  lanes_.forget_delivery(slot);
}

// ---- reading it back --------------------------------------------------------------------------

/// What there is room for is asked for.
void scheduler_core::top_up() {
  for (std::size_t agent = 0; agent < slots_.size(); ++agent)
    top_up_agent(static_cast<agent_no>(agent));
  for (auto next = long_lanes_.begin(); next != long_lanes_.end();) {
    const std::uint32_t lane_slot = *next++;
    top_up_lane(lane_slot);
  }
}

/// The tenures take turns: one that always has more does not keep the others out.
void scheduler_core::top_up_agent(agent_no agent) {
  std::size_t coming = coming_to(agent);
  const std::uint32_t served = slots_[raw(agent)].served;
  for (auto each = tenures_.upper_bound(served); each != tenures_.end(); ++each)
    top_up_from(each->first, agent, coming);
  for (auto each = tenures_.begin(); each != tenures_.upper_bound(served); ++each)
    top_up_from(each->first, agent, coming);
}

void scheduler_core::top_up_from(std::uint32_t tenure_no, agent_no agent, std::size_t& coming) {
  away_list& list = tenures_.at(tenure_no).away[raw(agent)];
  const list_owner owner{agent, {}, tenure_no};
  const std::size_t most = agent_window();
  const std::size_t here = window_used(agent) + coming;
  coming -= list.coming();
  if (list.begun) {
    go_on(list, owner);
  } else if (!list.empty() && here <= most - most / 4) {
    slots_[raw(agent)].served = tenure_no;
    begin_portion(list, owner, most - here);
  }
  coming += list.coming();
}

/// What is on its way from the agent's lists into lanes: it has its room.
std::size_t scheduler_core::coming_to(agent_no agent) const noexcept {
  std::size_t count = 0;
  for (const auto& [number, of] : tenures_)
    count += of.away[raw(agent)].coming();
  return count;
}

void scheduler_core::top_up_lane(std::uint32_t lane_slot) {
  lane& of = lanes_.lanes[lane_slot];
  if (of.away->empty()) {
    of.away.reset();
    long_lanes_.erase(lane_slot);
    lanes_.release_if_empty(lane_slot);
    return;
  }
  const std::size_t most = lane_window();
  const list_owner owner{of.agent, of.key, tenure_no_of(of.shard)};
  if (of.away->begun)
    go_on(*of.away, owner);
  else if (of.size <= most / 2)
    begin_portion(*of.away, owner, most - of.size);
}

void scheduler_core::begin_portion(away_list& list, const list_owner& owner, std::size_t room) {
  room = std::clamp<std::size_t>(room, 1, limits::window_fetch_rows);
  list.asked = take_front(list.waiting, room);
  list.begun = true;
  if (list.asked.empty())
    take_late(list, {instant::max(), 0}, room);
  if (!list.asked.empty())
    ask_portion(list, owner);
  else
    list.begun = false; // the place of what is late is not certain yet
}

/// What became due before `end`, as far as its place is certain.
void scheduler_core::take_late(away_list& list, const lane_place& end, std::size_t most) {
  const lane_place last = std::min(end, certain_until());
  while (!list.late.empty() && list.late.front() < last && list.asked.size() < most) {
    list.asked.push_back(list.late.front().sequence);
    list.late.pop_front();
  }
}

/// What was asked for is here. Of it enters what nothing late stands before; of what does, the
/// first comes next, if there is room.
void scheduler_core::go_on(away_list& list, const list_owner& owner) {
  if (!list.asked.empty())
    return;
  enter_portion(list, owner);
  list.begun = !list.rows.empty();
  if (!list.begun)
    return;
#ifdef SKEIN_BUG_MERGE_WITHOUT_ROOM
  const std::size_t room = limits::window_fetch_rows;
#else
  const std::size_t room = room_of(owner);
#endif
  take_late(list, place_of(list.rows.back()), std::min(room, limits::window_fetch_rows));
  if (!list.asked.empty())
    ask_portion(list, owner);
}

std::size_t scheduler_core::room_of(const list_owner& owner) const {
  const auto left = [](std::size_t most, std::size_t here) {
    return here < most ? most - here : 0;
  };
  if (owner.key.empty())
    return left(agent_window(), window_used(owner.agent) + coming_to(owner.agent) -
                                    tenures_.at(owner.tenure).away[raw(owner.agent)].coming());
  return left(lane_window(), lanes_.lanes[lanes_.find_lane(owner.agent, owner.key)].size);
}

/// The rows before the first late one, in order.
void scheduler_core::enter_portion(away_list& list, const list_owner& owner) {
  std::sort(list.rows.begin(), list.rows.end(),
            [](const auto& a, const auto& b) { return place_of(a) < place_of(b); });
  auto end = list.rows.end();
  if (!list.late.empty())
    end = std::partition_point(list.rows.begin(), end, [&](const journal::pending_delivery& each) {
      return place_of(each) < list.late.front();
    });
  rows portion{std::move_iterator{list.rows.begin()}, std::move_iterator{end}};
  list.rows.erase(list.rows.begin(), end);
  for (journal::pending_delivery& each : portion) {
    const lane_place place = place_of(each);
    list.from = {place.ready_at, place.sequence + 1};
    if (lanes_.find_delivery(each.delivery) != no_slot)
      continue; // somebody asked for it
    away_list* behind = nullptr;
    if (owner.key.empty())
      behind = lane_list_for(lanes_.find_lane(each.agent, each.key), place);
    if (behind != nullptr)
      put_away(*behind, place);
    else
      enter_row(each);
  }
}

void scheduler_core::ask_portion(away_list& list, const list_owner& owner) {
  list.reading = true;
  ask(list.asked, {rows_asked::purpose::portion, owner, {}});
}

void scheduler_core::ask(std::vector<std::uint64_t> sequences, rows_asked what) {
  std::sort(sequences.begin(), sequences.end());
  rows_asked_.emplace(++reads_, std::move(what));
  out_->push_back(read_rows_effect{reads_, std::move(sequences)});
}

/// What was asked for in vain is asked for again.
void scheduler_core::ask_again() {
  for (std::size_t agent = 0; agent < slots_.size(); ++agent)
    for (auto& [number, of] : tenures_)
      if (away_list& list = of.away[agent]; list.in_vain())
        ask_portion(list, {static_cast<agent_no>(agent), {}, number});
  for (const std::uint32_t lane_slot : long_lanes_)
    if (lane& of = lanes_.lanes[lane_slot]; of.away && of.away->in_vain())
      ask_portion(*of.away, {of.agent, of.key, tenure_no_of(of.shard)});
  for (rows_asked& each : std::exchange(asked_in_vain_, {})) {
    auto sequences = each.sequences;
    ask(std::move(sequences), std::move(each));
  }
}

/// What was asked for in vain is asked for again a second later, whatever else happens till then.
void scheduler_core::reading_failed() {
#ifdef SKEIN_BUG_READS_AGAIN_AT_ONCE
  reads_again_ = now_.boot;
#endif
  if (!reads_again_)
    reads_again_ = now_.boot + limits::refused_again_after;
}

void scheduler_core::on(rows_in& input) {
  auto found = rows_asked_.extract(input.number);
  SKEIN_CHECK(!found.empty());
  rows_asked& asked = found.mapped();
  leave_out_foreign(asked, input.rows);
  take_unreadable(asked.why == rows_asked::purpose::wanted, input.rows);
  if (asked.why == rows_asked::purpose::sleepers)
    take_sleepers(asked, input.rows);
  else if (asked.why == rows_asked::purpose::wanted)
    take_wanted(asked, input.rows);
  else
    take_portion(asked.owner, input.rows);
  forget_early_ends();
  if (!input.rows) {
    log(log_severity::error, "rows-unread", to_string(input.rows.error()));
    reading_failed();
  }
  if (out_ != nullptr) { // else before the start, which does it
    end_crashed();
    end_unreadable();
  }
}

/// What was asked for may have been given up meanwhile, and may have come back with others.
void scheduler_core::leave_out_foreign(const rows_asked& asked, rows_read& read) const {
  if (!read)
    return;
  std::erase_if(*read, [&](const journal::pending_delivery& row) {
    const shard_id shard = row.delivery.event.shard;
#ifdef SKEIN_BUG_ROWS_OF_AN_OLDER_TENURE
    return !is_here(shard);
#endif
    return !is_here(shard) ||
           (asked.why != rows_asked::purpose::wanted && tenure_no_of(shard) != asked.owner.tenure);
  });
}

away_list* scheduler_core::list_of(const list_owner& owner) {
  const auto had = tenures_.find(owner.tenure);
  if (had == tenures_.end())
    return nullptr;
  if (owner.key.empty())
    return &had->second.away[raw(owner.agent)];
  const std::uint32_t lane_slot = lanes_.find_lane(owner.agent, owner.key);
  if (lane_slot == no_slot || tenure_no_of(lanes_.lanes[lane_slot].shard) != owner.tenure)
    return nullptr;
  return lanes_.lanes[lane_slot].away.get();
}

/// What is missing has ended meanwhile.
void scheduler_core::take_portion(const list_owner& owner, rows_read& read) {
  away_list* found = list_of(owner);
  if (found == nullptr)
    return; // it was given up with its shard
  away_list& list = *found;
  list.reading = false;
#ifdef SKEIN_BUG_AWAY_LIST_FORGOTTEN
  if (!read)
    read = std::vector<journal::pending_delivery>{};
#endif
  if (!read)
    return;
  list.asked.clear();
  for (journal::pending_delivery& row : *read)
    if (row.agent == owner.agent && !is_taken_out(row.delivery))
      list.rows.push_back(std::move(row));
  go_on(list, owner);
}

/// After an unclean stop the first of a lane may have been running: it is a suspect, unless it
/// slept.
void scheduler_core::enter_row(journal::pending_delivery& row) {
  const std::uint32_t slot = bring_in(row);
  live_delivery& entering = lanes_.deliveries[slot];
  enter_lane(slot, row.key, entering.ready_at, true);
  const bool is_first = entering.previous == no_slot; // what is closing stands behind it
  const tenure& of = tenure_of(row.delivery.event.shard);
  const bool slept = entering.asleep && entering.next_due > of.opened_at;
  const bool runs = row.damage.code == errc::none;
  if (of.unclean && runs && is_first && !slept && entering.suspected == suspicion::none &&
      row.delivery.event.sequence <= of.recovered_to && !lanes_.pure(row.agent))
#ifndef SKEIN_BUG_SUSPECT_FROM_DISK_FORGOTTEN
    entering.suspected = suspicion::suspect;
#else
    entering.suspected = suspicion::none;
#endif
  if (of.unclean && entering.crashes >= crashes_max)
    crashed_.push_back(row.delivery);
}

/// Whoever crashed the process so often while it ran alone is not run again.
void scheduler_core::end_crashed() {
  for (const delivery_id& each : std::exchange(crashed_, {}))
    if (const std::uint32_t slot = lanes_.find_delivery(each);
        slot != no_slot && lanes_.deliveries[slot].at == stage::waiting)
      finish_without_turn(
          slot, delivery_state::dead, errc::agent_crashed,
          "the process died three times while it ran; nothing else suspected ran then");
}

/// A row becomes a delivery in memory, in no lane yet.
std::uint32_t scheduler_core::bring_in(journal::pending_delivery& row) {
  const event_id id = row.delivery.event;
  std::uint32_t event = lanes_.find_event(id.sequence);
  if (event == no_slot) {
    const auto ended = static_cast<std::size_t>(std::count_if(
        row.sibling_states.begin(), row.sibling_states.begin() + std::ssize(row.siblings),
        [](delivery_state each) { return is_terminal(each); }));
    event = lanes_.add_event(id, row.priority, row.accepted, row.expires, body_to_keep(row.body),
                             row.siblings.size() - ended);
    for (std::size_t i = 0; i < row.siblings.size(); ++i)
      if (is_terminal(row.sibling_states[i]))
        lanes_.events[event].count_end(row.sibling_states[i], +1);
    if (row.expires != no_instant)
      timers_.set(row.expires, {id.sequence, true});
  }
  const std::uint32_t slot = lanes_.add_delivery(event, row.delivery.index, row.agent);
  live_delivery& added = lanes_.deliveries[slot];
  added.attempts = row.attempts;
  added.sleeps = row.sleeps;
  added.asleep = row.asleep;
  added.crashes = row.crashes;
  added.next_due = row.next_due;
#ifdef SKEIN_BUG_ATTEMPT_RESET_AT_BOOT
  added.attempts = added.sleeps = 0;
#endif
#ifdef SKEIN_BUG_RETRY_DUE_IN_MEMORY_ONLY
  added.next_due = no_instant;
#endif
  added.ready_at = std::max(row.accepted, row.due);
  const tenure& of = tenure_of(id.shard);
  if (row.damage.code != errc::none)
    added.next_due = now_.wall + till_next_opening;
  if (!of.unclean || row.damage.code != errc::none)
    return slot;
  if (row.mark != journal::start_mark::none)
    added.suspected = suspicion::accused;
  // It may have been running before the last process died, if the clock was set back since.
  else if (row.due > of.opened_at && id.sequence <= of.recovered_to && !lanes_.pure(row.agent))
    added.suspected = suspicion::suspect;
  return slot;
}

// ---- events that somebody asks for, or that expire, while they are on disk ---------------------

void scheduler_core::want(std::uint64_t sequence) { wanted_.insert(sequence); }

void scheduler_core::ask_wanted() {
  while (!wanted_.empty()) {
    std::vector<std::uint64_t> some;
    while (!wanted_.empty() && some.size() < limits::window_fetch_rows)
      some.push_back(wanted_.extract(wanted_.begin()).value());
    ask(some, {rows_asked::purpose::wanted, {}, some});
  }
}

/// It ends ahead of its list: it is not to come once more with the portion that it is in.
void scheduler_core::take_out(const journal::pending_delivery& which) {
#ifdef SKEIN_BUG_CANCELLED_ROW_COMES_BACK
  return;
#endif
  const auto is_it = [&](const auto& row) { return row.delivery == which.delivery; };
  std::erase_if(tenure_of(which.delivery.event.shard).away[raw(which.agent)].rows, is_it);
  if (const std::uint32_t lane_slot = lanes_.find_lane(which.agent, which.key);
      lane_slot != no_slot && lanes_.has_away(lane_slot))
    std::erase_if(lanes_.lanes[lane_slot].away->rows, is_it);
}

/// Its end is durable, but what is being read may have been read before that.
void scheduler_core::has_ended_early(const delivery_id& which) {
#ifdef SKEIN_BUG_ENDED_ROW_COMES_BACK
  constexpr bool is_reading = false;
#else
  const bool is_reading = !rows_asked_.empty();
#endif
  if (is_reading)
    ended_early_[which] = reads_;
}

bool scheduler_core::is_taken_out(const delivery_id& which) const {
  return lanes_.find_delivery(which) != no_slot || ended_early_.contains(which);
}

/// Whatever is read from now on has been read after those ends.
void scheduler_core::forget_early_ends() {
  const std::uint64_t oldest = rows_asked_.empty() ? reads_ + 1 : rows_asked_.begin()->first;
  std::erase_if(ended_early_, [&](const auto& each) { return each.second < oldest; });
}

void scheduler_core::take_wanted(rows_asked& asked, rows_read& read) {
  if (!read) {
    asked_in_vain_.push_back(std::move(asked));
    return;
  }
  for (const std::uint64_t sequence : asked.sequences) {
    const auto [first, last] = rows_of(*read, sequence);
    if (first == last && lanes_.find_event(sequence) == no_slot) {
      resolve_absent(sequence, {});
      continue;
    }
    if (first != last)
      resolve_absent(sequence, first->delivery.event); // who asked for another shard's
    for (auto row = first; row != last; ++row) {
      const bool cancelled = cancels_.contains(sequence);
      const bool expired = row->expires != no_instant && row->expires <= now_.wall;
      if (!cancelled && !expired)
        continue;
      std::uint32_t slot = lanes_.find_delivery(row->delivery); // it came with a portion meanwhile
#ifdef SKEIN_BUG_CANCEL_LOST_TO_A_PORTION
      if (slot != no_slot)
        continue;
#endif
      if (slot == no_slot) {
        take_out(*row);
        slot = bring_in(*row);
#ifndef SKEIN_BUG_LANE_PASSES_END_FROM_DISK
        // Its end is not durable yet: till then it stands before what its list brings in.
        if (row->due <= now_.wall && row->accepted != no_instant)
          enter_lane(slot, row->key, lanes_.deliveries[slot].ready_at, true);
#endif
      }
      if (cancelled)
        end_by_word(slot, delivery_state::cancelled, "cancelled");
      else
        end_by_word(slot, delivery_state::expired, "expired before it was done");
    }
  }
}

} // namespace skein
