// How many connections, of whom. Beyond the caps a few are still taken, for those routes alone by
// which an operator sees what is going on; beyond these, none.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>

namespace skein {

/// An address as the caps see it: IPv4 whole, IPv6 by its /64 (one host has that many addresses).
using peer_key = std::array<std::uint8_t, 16>;

enum class admitted : std::uint8_t { no, normal, reserved };

class admission {
 public:
  struct caps {
    std::size_t total = 0; // the reserved ones included
    std::size_t reserved = 0;
    std::size_t per_peer = 0;
  };
  /// `wanted`, or less where a process may have only so many descriptors open.
  static caps fit(const caps& wanted, std::uint64_t descriptors) noexcept;
  explicit admission(caps bounds) : bounds_{bounds} {}

  admitted enter(const peer_key& peer);
  /// With what enter said.
  void leave(const peer_key& peer, admitted as);

  std::size_t normal() const noexcept { return normal_; }
  std::size_t reserved() const noexcept { return reserved_; }

 private:
  struct counts {
    std::size_t normal = 0;
    std::size_t reserved = 0;
  };
  struct hash_of_peer {
    std::size_t operator()(const peer_key& peer) const noexcept;
  };

  caps bounds_;
  std::size_t normal_ = 0;
  std::size_t reserved_ = 0;
  std::unordered_map<peer_key, counts, hash_of_peer> peers_;
};

} // namespace skein
