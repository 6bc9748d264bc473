#include "journal/pending_set.hpp"

#include "protocol/check.hpp"

#include <bit>

namespace skein::journal {

namespace {

pending_set::mask bit_of(const delivery_id& delivery) {
  SKEIN_CHECK(delivery.index < limits::deliveries_per_event_max);
  return static_cast<pending_set::mask>(1u << delivery.index);
}

} // namespace

pending_set::chunks::iterator pending_set::find(std::uint64_t sequence) const {
  const std::uint64_t number = sequence / chunk_events;
  if (last_ == chunks_.end() || last_->first != number)
    last_ = chunks_.find(number);
  return last_;
}

bool pending_set::contains(const delivery_id& delivery) const {
  if (delivery.index >= limits::deliveries_per_event_max)
    return false;
  const auto at = find(delivery.event.sequence);
  const std::size_t slot = delivery.event.sequence % chunk_events;
  return at != chunks_.end() && (at->second.live[slot] & bit_of(delivery)) != 0 &&
         at->second.shard[slot] == raw(delivery.event.shard);
}

bool pending_set::holds(std::uint64_t sequence) const {
  const auto at = find(sequence);
  return at != chunks_.end() && at->second.live[sequence % chunk_events] != 0;
}

/// Writes the event's bits and keeps the chunk's count; an empty chunk goes.
void pending_set::set(event_id event, mask live) {
  auto at = find(event.sequence);
  if (at == chunks_.end())
    at = last_ = chunks_.try_emplace(event.sequence / chunk_events).first;
  chunk& in = at->second;
  const std::size_t slot = event.sequence % chunk_events;
  in.events += live != 0 ? 1u : 0u;
  in.events -= in.live[slot] != 0 ? 1u : 0u;
  in.live[slot] = live;
  in.shard[slot] = static_cast<std::uint16_t>(raw(event.shard));
  if (in.events == 0) {
    chunks_.erase(at);
    last_ = chunks_.end();
  }
}

void pending_set::add(event_id event, mask live) {
  SKEIN_CHECK(live != 0);
  const auto at = find(event.sequence);
  SKEIN_CHECK(at == chunks_.end() || at->second.live[event.sequence % chunk_events] == 0);
  set(event, live);
}

void pending_set::drop(event_id event) {
  const auto at = find(event.sequence);
  SKEIN_CHECK(at != chunks_.end() && at->second.live[event.sequence % chunk_events] != 0);
  set(event, 0);
}

pending_set::mask pending_set::remove(const delivery_id& delivery) {
  SKEIN_CHECK(contains(delivery));
  const mask before = last_->second.live[delivery.event.sequence % chunk_events];
  const auto left = static_cast<mask>(before & ~bit_of(delivery));
  set(delivery.event, left);
  return left;
}

void pending_set::restore(const delivery_id& delivery) {
  const auto at = find(delivery.event.sequence);
  const mask before =
      at == chunks_.end() ? mask{0} : at->second.live[delivery.event.sequence % chunk_events];
  SKEIN_CHECK((before & bit_of(delivery)) == 0);
  set(delivery.event, static_cast<mask>(before | bit_of(delivery)));
}

pending_set::counts pending_set::count() const {
  counts all;
  for (const auto& [number, in] : chunks_)
    for (const mask live : in.live) {
      all.events += live != 0 ? 1 : 0;
      all.deliveries += static_cast<std::uint64_t>(std::popcount(live));
    }
  return all;
}

std::uint64_t pending_set::lowest(std::uint64_t if_empty) const {
  if (chunks_.empty())
    return if_empty;
  const auto& [number, in] = *chunks_.begin();
  std::size_t slot = 0;
  while (slot < chunk_events && in.live[slot] == 0)
    ++slot;
  SKEIN_CHECK(slot < chunk_events);
  return number * chunk_events + slot;
}

} // namespace skein::journal
