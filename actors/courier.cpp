#include "actors/courier.hpp"

#include <algorithm>

namespace skein {

namespace {
constexpr std::size_t boots_left_max = 4;
}

std::pair<slice, std::uint64_t> courier::seal_reliable(const address& to, const message& body,
                                                       boot_time now, std::uint64_t to_boot) {
  peer& with = peer_at(to);
  const std::uint64_t number = ++with.last_number;
  slice bytes = encode_frame({self_, to, number, boot_, to_boot}, body);
#ifdef SKEIN_BUG_DROP_IS_SUCCESS
  static_cast<void>(now);
#else
  with.sent.sent(number, bytes, now);
#endif
  return {std::move(bytes), number};
}

bool courier::was_sent_again(const address& to, std::uint64_t number) const {
  const auto found = peers_.find(to);
  return found != peers_.end() && found->second.sent.was_sent_again(number);
}

bool courier::acknowledged(const address& by, std::uint64_t number) {
  const auto found = peers_.find(by);
  return found != peers_.end() && found->second.sent.acknowledged(number);
}

bool courier::first_time(const frame_header& received) {
  if (received.number == 0)
    return true;
  peer& from = peer_at(received.from);
#ifndef SKEIN_BUG_BOOT_NOT_LOOKED_AT
  if (std::find(from.left.begin(), from.left.end(), received.boot) != from.left.end())
    return false;
  if (from.boot && *from.boot != received.boot) {
    // A frame that does not say its boot, as of an older version, may be of either process: it
    // condemns none.
    if (*from.boot != 0 && received.boot != 0)
      from.left.push_back(*from.boot);
    if (from.left.size() > boots_left_max)
      from.left.pop_front();
    from.seen = {};
  }
#endif
  from.boot = received.boot;
  return from.seen.first_time(received.number);
}

bool courier::is_current(const frame_header& received) const {
  const auto found = peers_.find(received.from);
  return found != peers_.end() && found->second.boot == received.boot;
}

courier::peer& courier::peer_at(const address& at) {
  if (const auto found = peers_.find(at); found != peers_.end())
    return found->second;
  if (parts_[at.node] >= parts_of_a_node_max)
    make_room_at(at.node);
  ++parts_[at.node];
  return peers_[at];
}

void courier::make_room_at(const std::string& node) {
  for (auto at = peers_.lower_bound({node, {}}); at != peers_.end() && at->first.node == node; ++at)
    if (at->second.sent.size() == 0) {
      peers_.erase(at);
      --parts_[node];
      return;
    }
}

std::vector<slice> courier::due(boot_time now) {
  std::vector<slice> frames;
  for (auto& [name, with] : peers_)
    for (slice& each : with.sent.due(now))
      frames.push_back(std::move(each));
  return frames;
}

std::vector<slice> courier::all_again(const std::string& node, boot_time now) {
  std::vector<slice> frames;
  for (auto at = peers_.lower_bound({node, {}}); at != peers_.end() && at->first.node == node; ++at)
    for (slice& each : at->second.sent.due(now, duration{0}))
      frames.push_back(std::move(each));
  return frames;
}

std::optional<boot_time> courier::next_due() const {
  std::optional<boot_time> next;
  for (const auto& [name, with] : peers_)
    if (const auto at = with.sent.next_due(); at && (!next || *at < *next))
      next = at;
  return next;
}

std::size_t courier::unacknowledged() const noexcept {
  std::size_t count = 0;
  for (const auto& [name, with] : peers_)
    count += with.sent.size();
  return count;
}

} // namespace skein
