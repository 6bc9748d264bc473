// SipHash-2-4 with a 128-bit result, fed in pieces. The keyed hash of identities, contents and
// shards: an outsider who does not know the key cannot make events that collide.
#pragma once

#include "protocol/ids.hpp"

#include <cstdint>
#include <string_view>

namespace skein {

/// The key is 16 bytes: key_high's eight, then key_low's, each little-endian. So is the result.
class siphasher {
 public:
  siphasher(std::uint64_t key_high, std::uint64_t key_low) noexcept;

  void add(std::string_view bytes) noexcept;
  void add_byte(std::uint8_t value) noexcept;
  /// Length (32 bits, little-endian), then the bytes: what follows cannot be taken for a part of
  /// it.
  void add_field(std::string_view bytes) noexcept;

  /// Ends the hashing; call it once.
  hash128 finish() noexcept;

 private:
  struct feeder;

  std::uint64_t v0_, v1_, v2_, v3_;
  std::uint64_t tail_ = 0;   // bytes not yet hashed, the first lowest; length_ % 8 of them
  std::uint64_t length_ = 0; // of all that was added, in bytes
};

} // namespace skein
