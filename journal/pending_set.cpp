#include "journal/pending_set.hpp"

#include "protocol/check.hpp"

#include <algorithm>
#include <bit>

namespace skein::journal {

namespace {

// A form is left for the smaller one only well below where it was taken, so that none is changed
// back and forth.
constexpr std::uint32_t chunk_becomes_dense = 256;
constexpr std::uint32_t chunk_becomes_sparse = 96;
constexpr std::uint32_t range_is_split = 1'024;
constexpr std::uint32_t range_is_joined = 256;

pending_set::mask bit_of(const delivery_id& delivery) {
  SKEIN_CHECK(delivery.index < limits::deliveries_per_event_max);
  return static_cast<pending_set::mask>(1u << delivery.index);
}

template <class Marks>
auto place_in(Marks& marks, std::uint32_t slot) {
  if (marks.empty() || marks.back().slot < slot) // events are added in order
    return marks.end();
  return std::lower_bound(
      marks.begin(), marks.end(), slot,
      [](const placed_mark& each, std::uint32_t wanted) { return each.slot < wanted; });
}

pending_mark mark_in_list(const placed_marks& marks, std::uint32_t slot) {
  const auto at = place_in(marks, slot);
  return at == marks.end() || at->slot != slot ? pending_mark{} : at->mark;
}

/// How many events there are more than before: -1, 0 or 1.
int set_in_list(placed_marks& marks, std::uint32_t slot, const pending_mark& mark) {
  const auto at = place_in(marks, slot);
  const bool is_there = at != marks.end() && at->slot == slot;
  if (mark.live == 0) {
    if (is_there)
      marks.erase(at);
    return is_there ? -1 : 0;
  }
  if (is_there)
    at->mark = mark;
  else
    marks.insert(at, {slot, mark});
  return is_there ? 0 : 1;
}

} // namespace

pending_set::pending_set(std::uint64_t range_events) : range_events_{range_events} {
  SKEIN_CHECK(range_events > 0 && range_events < 0x1'0000'0000);
}

pending_set::range* pending_set::find(std::uint64_t sequence) const {
  const std::uint64_t number = range_of(sequence);
  if (last_ == ranges_.end() || last_->first != number)
    last_ = ranges_.find(number);
  return last_ == ranges_.end() ? nullptr : &last_->second;
}

pending_mark pending_set::mark_in(const chunk& in, std::uint32_t slot) {
  return in.all ? (*in.all)[slot % chunk_events] : mark_in_list(in.few, slot);
}

pending_mark pending_set::mark_in(const range& in, std::uint32_t slot) {
  return in.chunks.empty() ? mark_in_list(in.few, slot)
                           : mark_in(in.chunks[slot / chunk_events], slot);
}

void pending_set::set_in(chunk& in, std::uint32_t slot, const pending_mark& mark) {
  if (!in.all) {
    in.events += static_cast<std::uint32_t>(set_in_list(in.few, slot, mark));
    if (in.events <= chunk_becomes_dense)
      return;
    in.all = std::make_unique<dense>();
    for (const placed_mark& each : in.few)
      (*in.all)[each.slot % chunk_events] = each.mark;
    in.few = placed_marks{};
    return;
  }
  pending_mark& old = (*in.all)[slot % chunk_events];
  in.events += (mark.live != 0 ? 1u : 0u) - (old.live != 0 ? 1u : 0u);
  old = mark.live != 0 ? mark : pending_mark{};
  if (in.events >= chunk_becomes_sparse)
    return;
  const std::uint32_t first = slot / chunk_events * chunk_events;
  in.few.reserve(in.events);
  for (std::uint32_t i = 0; i < chunk_events; ++i)
    if ((*in.all)[i].live != 0)
      in.few.push_back({first + i, (*in.all)[i]});
  in.all.reset();
}

template <class Each>
void pending_set::each_mark(const range& in, Each each) {
  for (const placed_mark& one : in.few)
    each(one.slot, one.mark);
  for (std::size_t number = 0; number < in.chunks.size(); ++number) {
    const chunk& part = in.chunks[number];
    for (const placed_mark& one : part.few)
      each(one.slot, one.mark);
    for (std::uint32_t i = 0; part.all && i < chunk_events; ++i)
      if ((*part.all)[i].live != 0)
        each(static_cast<std::uint32_t>(number * chunk_events + i), (*part.all)[i]);
  }
}

void pending_set::split(range& in) const {
  in.chunks.resize((range_events_ + chunk_events - 1) / chunk_events);
  for (const placed_mark& each : in.few)
    set_in(in.chunks[each.slot / chunk_events], each.slot, each.mark);
  in.few = placed_marks{};
}

void pending_set::join(range& in) {
  placed_marks all;
  all.reserve(in.events);
  each_mark(in, [&](std::uint32_t slot, const pending_mark& mark) { all.push_back({slot, mark}); });
  in.few = std::move(all);
  in.chunks = std::vector<chunk>{};
}

void pending_set::set_in(range& in, std::uint32_t slot, const pending_mark& mark) const {
  in.changed = true;
  in.counted.reset();
  if (in.chunks.empty()) {
    in.events += static_cast<std::uint32_t>(set_in_list(in.few, slot, mark));
    if (in.events > range_is_split)
      split(in);
    return;
  }
  chunk& part = in.chunks[slot / chunk_events];
  const std::uint32_t before = part.events;
  set_in(part, slot, mark);
  in.events += part.events - before;
  if (in.events < range_is_joined)
    join(in);
}

void pending_set::set(std::uint64_t sequence, const pending_mark& mark) {
  range* in = find(sequence);
  if (in == nullptr) {
    last_ = ranges_.try_emplace(range_of(sequence)).first;
    in = &last_->second;
  }
  set_in(*in, static_cast<std::uint32_t>(sequence % range_events_), mark);
}

pending_mark pending_set::at(std::uint64_t sequence) const {
  const range* in = find(sequence);
  return in == nullptr ? pending_mark{}
                       : mark_in(*in, static_cast<std::uint32_t>(sequence % range_events_));
}

bool pending_set::contains(const delivery_id& delivery) const {
  if (delivery.index >= limits::deliveries_per_event_max)
    return false;
  const pending_mark mark = at(delivery.event.sequence);
  return (mark.live & bit_of(delivery)) != 0 && mark.shard == raw(delivery.event.shard);
}

void pending_set::add(event_id event, mask live, std::uint16_t tag) {
  SKEIN_CHECK(live != 0);
  SKEIN_CHECK(at(event.sequence).live == 0);
  set(event.sequence, {live, static_cast<std::uint16_t>(raw(event.shard)), tag});
}

void pending_set::drop(event_id event) {
  SKEIN_CHECK(at(event.sequence).live != 0);
  set(event.sequence, {});
}

pending_mark pending_set::remove(const delivery_id& delivery) {
  SKEIN_CHECK(contains(delivery));
  pending_mark mark = at(delivery.event.sequence);
  mark.live = static_cast<mask>(mark.live & ~bit_of(delivery));
  set(delivery.event.sequence, mark);
  return mark;
}

void pending_set::restore(const delivery_id& delivery, std::uint16_t tag) {
  const pending_mark before = at(delivery.event.sequence);
  SKEIN_CHECK((before.live & bit_of(delivery)) == 0);
  set(delivery.event.sequence, {static_cast<mask>(before.live | bit_of(delivery)),
                                static_cast<std::uint16_t>(raw(delivery.event.shard)), tag});
}

pending_set::counts pending_set::count() const {
  counts all;
  for (const auto& [number, in] : ranges_) {
    if (!in.counted) {
      counts here;
      each_mark(in, [&](std::uint32_t, const pending_mark& mark) {
        ++here.events;
        here.deliveries += static_cast<std::uint64_t>(std::popcount(mark.live));
      });
      in.counted = here;
    }
    all.events += in.counted->events;
    all.deliveries += in.counted->deliveries;
  }
  return all;
}

std::uint64_t pending_set::lowest(std::uint64_t if_empty) const {
  for (const auto& [number, in] : ranges_) {
    if (in.events == 0)
      continue;
    const std::uint64_t first = number * range_events_;
    if (in.chunks.empty())
      return first + in.few.front().slot;
    const auto part = std::find_if(in.chunks.begin(), in.chunks.end(),
                                   [](const chunk& each) { return each.events != 0; });
    SKEIN_CHECK(part != in.chunks.end());
    if (!part->all)
      return first + part->few.front().slot;
    const auto one = std::find_if(part->all->begin(), part->all->end(),
                                  [](const pending_mark& each) { return each.live != 0; });
    SKEIN_CHECK(one != part->all->end());
    return first + static_cast<std::uint64_t>(part - in.chunks.begin()) * chunk_events +
           static_cast<std::uint64_t>(one - part->all->begin());
  }
  return if_empty;
}

// ---- by range ----------------------------------------------------------------------------------

std::vector<std::uint64_t> pending_set::ranges() const {
  std::vector<std::uint64_t> all;
  all.reserve(ranges_.size());
  for (const auto& [number, in] : ranges_)
    all.push_back(number);
  return all;
}

std::vector<std::uint64_t> pending_set::changed_ranges() const {
  std::vector<std::uint64_t> all;
  for (const auto& [number, in] : ranges_)
    if (in.changed)
      all.push_back(number);
  return all;
}

/// A range without events is only kept until that is on disk.
void pending_set::set_unchanged(std::uint64_t number) {
  const auto at = ranges_.find(number);
  if (at == ranges_.end())
    return;
  at->second.changed = false;
  if (at->second.events == 0) {
    ranges_.erase(at);
    last_ = ranges_.end();
  }
}

void pending_set::set_changed(std::uint64_t number) { ranges_[number].changed = true; }

placed_marks pending_set::marks_of(std::uint64_t number) const {
  placed_marks all;
  const auto at = ranges_.find(number);
  if (at == ranges_.end())
    return all;
  all.reserve(at->second.events);
  each_mark(at->second, [&](std::uint32_t slot, const pending_mark& mark) {
    all.push_back({slot, mark});
  });
  return all;
}

void pending_set::put(std::uint64_t number, const placed_marks& marks) {
  range made;
  if (marks.size() > range_is_split) {
    made.chunks.resize((range_events_ + chunk_events - 1) / chunk_events);
    for (const placed_mark& each : marks) {
      SKEIN_CHECK(each.slot < range_events_ && each.mark.live != 0);
      set_in(made.chunks[each.slot / chunk_events], each.slot, each.mark);
    }
  } else {
    made.few = marks;
  }
  made.events = static_cast<std::uint32_t>(marks.size());
  ranges_[number] = std::move(made);
  last_ = ranges_.end();
}

std::size_t pending_set::bytes() const {
  std::size_t all = ranges_.size() * (sizeof(ranges_by_number::value_type) + 4 * sizeof(void*));
  const auto of_list = [](const placed_marks& marks) {
    return marks.capacity() * sizeof(placed_mark);
  };
  for (const auto& [number, in] : ranges_) {
    all += of_list(in.few) + in.chunks.capacity() * sizeof(chunk);
    for (const chunk& part : in.chunks)
      all += of_list(part.few) + (part.all ? sizeof(dense) : 0);
  }
  return all;
}

} // namespace skein::journal
