#include "actors/courier.hpp"

#include <algorithm>

namespace skein {

std::pair<slice, std::uint64_t> courier::seal_reliable(const address& to, const message& body,
                                                       boot_time now) {
  peer& with = peers_[to];
  const std::uint64_t number = ++with.last_number;
  slice bytes = encode_frame({self_, to, number}, body);
#ifdef SKEIN_BUG_DROP_IS_SUCCESS
  static_cast<void>(now);
#else
  with.sent.sent(number, bytes, now);
#endif
  return {std::move(bytes), number};
}

bool courier::acknowledged(const address& by, std::uint64_t number) {
  const auto found = peers_.find(by);
  return found != peers_.end() && found->second.sent.acknowledged(number);
}

bool courier::first_time(const frame_header& received) {
  return received.number == 0 || peers_[received.from].seen.first_time(received.number);
}

std::vector<slice> courier::due(boot_time now) {
  std::vector<slice> frames;
  for (auto& [name, with] : peers_)
    for (slice& each : with.sent.due(now))
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
