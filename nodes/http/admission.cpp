#include "nodes/http/admission.hpp"

#include "protocol/check.hpp"

#include <algorithm>
#include <functional>
#include <string_view>

namespace skein {

admission::caps admission::fit(const caps& wanted, std::uint64_t descriptors) noexcept {
  constexpr std::uint64_t others = 256; // the journal, the bus, what is being opened
  const std::uint64_t least = 2 * std::uint64_t{wanted.reserved}; // else there are only reserved
  const std::uint64_t left = descriptors > others ? descriptors - others : 0;
  if (wanted.total <= left)
    return wanted;
  caps fitting = wanted;
  fitting.total = static_cast<std::size_t>(
      std::min<std::uint64_t>(wanted.total, std::max<std::uint64_t>(left, least)));
  fitting.per_peer = std::min(wanted.per_peer, std::max<std::size_t>(fitting.total / 2, 1));
  return fitting;
}

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
