#include "nodes/http/admission.hpp"

#include "protocol/check.hpp"

#include <algorithm>
#include <functional>
#include <string_view>

namespace skein {

admitted admission::enter(const peer_key& peer) {
  counts& of_peer = peers_[peer];
  if (normal_ + bounds_.reserved < bounds_.total && of_peer.normal < bounds_.per_peer) {
    ++normal_;
    ++of_peer.normal;
    return admitted::normal;
  }
  // One peer gets half of the reserved ones at most, so that it cannot shut out the operator.
  const std::size_t share = std::max<std::size_t>(bounds_.reserved / 2, 1);
  if (reserved_ < bounds_.reserved && of_peer.reserved < share) {
    ++reserved_;
    ++of_peer.reserved;
    return admitted::reserved;
  }
  if (of_peer.normal + of_peer.reserved == 0)
    peers_.erase(peer);
  return admitted::no;
}

void admission::leave(const peer_key& peer, admitted as) {
  const auto at = peers_.find(peer);
  SKEIN_CHECK(at != peers_.end());
  std::size_t& of_peer = as == admitted::normal ? at->second.normal : at->second.reserved;
  std::size_t& of_all = as == admitted::normal ? normal_ : reserved_;
  SKEIN_CHECK(as != admitted::no && of_peer > 0 && of_all > 0);
  --of_peer;
  --of_all;
  if (at->second.normal + at->second.reserved == 0)
    peers_.erase(at);
}

std::size_t admission::hash_of_peer::operator()(const peer_key& peer) const noexcept {
  std::array<char, std::tuple_size_v<peer_key>> text{};
  std::copy(peer.begin(), peer.end(), text.begin());
  return std::hash<std::string_view>{}({text.data(), text.size()});
}

} // namespace skein
