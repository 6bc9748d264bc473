#include "journal/unread_pending.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace skein::journal {

result<void> unread_pending::resolve(const std::vector<unread_event>& unread, saved_pending& saved,
                                     std::vector<pending_delivery>& into) {
  std::optional<error> again;
  for (const unread_event& each : unread)
    if (each.why.code == errc::io_error && ++tries_[each.sequence] < limits::unread_tries)
      again = each.why;
  if (again)
    return *again;
  const auto is_known = saved.open();
  if (!is_known || !*is_known)
    return is_known ? unread.front().why : is_known.error();
  for (const unread_event& each : unread)
    if (auto added = add(each, saved, into); !added)
      return added;
  std::stable_sort(into.begin(), into.end(), [](const auto& a, const auto& b) {
    return a.delivery.event.sequence < b.delivery.event.sequence;
  });
  return {};
}

void unread_pending::were_read(std::span<const std::uint64_t> asked,
                               const std::vector<unread_event>& unread) {
  if (tries_.empty())
    return;
  auto bad = unread.begin();
  for (const std::uint64_t each : asked) {
    while (bad != unread.end() && bad->sequence < each)
      ++bad;
    if (bad == unread.end() || bad->sequence != each)
      tries_.erase(each);
  }
}

result<void> unread_pending::add(const unread_event& event, saved_pending& saved,
                                 std::vector<pending_delivery>& into) {
  const auto mark = saved.mark_of(event.sequence);
  if (!mark || !*mark)
    return mark ? event.why : mark.error();
  if ((*mark)->live == 0)
    return {};
  pending_delivery found;
  if (event.known) {
    found = *event.known;
  } else {
    const auto deliveries = saved.deliveries_of(**mark);
    if (!deliveries || !*deliveries)
      return deliveries ? event.why : deliveries.error();
    found.delivery.event = {shard_id{(*mark)->shard}, event.sequence};
    found.siblings = **deliveries;
  }
  found.damage = {event.is_page ? errc::io_error : errc::store_corrupt, event.why.detail};
  const auto is_live = [&](std::size_t index) { return ((*mark)->live >> index & 1) != 0; };
  for (std::size_t i = 0; i < found.siblings.size(); ++i)
    found.sibling_states[i] = is_live(i) ? delivery_state::pending : delivery_state::dead;
  for (std::size_t i = 0; i < found.siblings.size(); ++i)
    if (is_live(i)) {
      found.delivery.index = static_cast<std::uint8_t>(i);
      found.agent = found.siblings[i];
      into.push_back(found);
    }
  return {};
}

} // namespace skein::journal
