#include "journal/dedupe_window.hpp"

#include "protocol/check.hpp"

#include <limits>
#include <utility>

namespace skein::journal {

namespace {
constexpr std::size_t slots_at_first = 16;
}

dedupe_window::dedupe_window(duration window) : window_{window} {}

/// Never 0, which means that a slot is free. Taken from the high half: the low half chose the slot.
std::uint32_t dedupe_window::tag_of(const hash128& identity) noexcept {
  return static_cast<std::uint32_t>(identity.high) | 1u;
}

std::optional<dedupe_window::known> dedupe_window::find(const hash128& identity,
                                                        instant now) const {
  const table& in = table_of(identity);
  if (in.slots.empty())
    return std::nullopt;
  const std::size_t mask = in.slots.size() - 1;
  const std::uint32_t tag = tag_of(identity);
  for (std::size_t i = identity.low & mask; in.slots[i].used(); i = (i + 1) & mask) {
    if (in.slots[i].tag != tag)
      continue;
    // An identity that came back after its time has a newer record besides the old one.
    const record& found = record_of(in.slots[i].low32);
    if (found.identity != identity || is_old(found, now))
      continue;
    const auto index = in.slots[i].low32 - static_cast<std::uint32_t>(first_);
    return known{found.content, first_ + index};
  }
  return std::nullopt;
}

void dedupe_window::prefetch(const hash128& identity) const noexcept {
  const table& in = table_of(identity);
  if (!in.slots.empty())
    __builtin_prefetch(&in.slots[identity.low & (in.slots.size() - 1)]);
}

void dedupe_window::insert(const hash128& identity, std::uint64_t content, std::uint64_t sequence,
                           instant at) {
  if (records_.empty())
    first_ = sequence;
  SKEIN_CHECK(sequence == first_ + records_.size());
  SKEIN_CHECK(records_.size() < std::numeric_limits<std::uint32_t>::max());
  records_.push_back({identity, content, at});
  table& in = table_of(identity);
  if ((in.used + 1) * 4 > in.slots.size() * 3)
    grow(in);
  place(in, tag_of(identity), identity.low, static_cast<std::uint32_t>(sequence));
  ++in.used;
}

void dedupe_window::place(table& in, std::uint32_t tag, std::uint64_t home, std::uint32_t low32) {
  const std::size_t mask = in.slots.size() - 1;
  std::size_t i = home & mask;
  while (in.slots[i].used())
    i = (i + 1) & mask;
  in.slots[i] = {tag, low32};
}

void dedupe_window::grow(table& in) {
  const std::size_t size = in.slots.empty() ? slots_at_first : in.slots.size() * 2;
  const std::vector<slot> old = std::exchange(in.slots, std::vector<slot>(size));
  for (const slot& each : old)
    if (each.used())
      place(in, each.tag, record_of(each.low32).identity.low, each.low32);
}

/// Closes the gap by moving later slots of the run forward, so that no tombstones are left.
void dedupe_window::remove_slot(const hash128& identity, std::uint32_t low32) {
  table& in = table_of(identity);
  const std::size_t mask = in.slots.size() - 1;
  std::size_t gap = identity.low & mask;
  while (in.slots[gap].used() && in.slots[gap].low32 != low32)
    gap = (gap + 1) & mask;
  SKEIN_CHECK(in.slots[gap].used());
  for (std::size_t i = (gap + 1) & mask; in.slots[i].used(); i = (i + 1) & mask) {
    const std::size_t home = record_of(in.slots[i].low32).identity.low & mask;
    if (((i - home) & mask) >= ((i - gap) & mask)) {
      in.slots[gap] = in.slots[i];
      gap = i;
    }
  }
  in.slots[gap] = {};
  --in.used;
}

void dedupe_window::take_back(std::uint64_t sequence) {
  while (!records_.empty() && first_ + records_.size() > sequence) {
    const std::uint64_t last = first_ + records_.size() - 1;
    remove_slot(records_.back().identity, static_cast<std::uint32_t>(last));
    records_.pop_back();
  }
}

bool dedupe_window::expire(instant now, std::size_t records_max) {
  for (; !records_.empty() && is_old(records_.front(), now); --records_max) {
    if (records_max == 0)
      return true;
    remove_slot(records_.front().identity, static_cast<std::uint32_t>(first_));
    records_.pop_front();
    ++first_;
  }
  return false;
}

} // namespace skein::journal
