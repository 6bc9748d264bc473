#include "protocol/siphash.hpp"

#include "protocol/check.hpp"
#include "protocol/event.hpp"

#include <bit>
#include <cstring>
#include <limits>

namespace skein {

static_assert(std::endian::native == std::endian::little, "words are loaded as they lie in memory");

namespace {

struct sip_state {
  std::uint64_t v0, v1, v2, v3;

  void round() noexcept {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  }

  void add(std::uint64_t word) noexcept {
    v3 ^= word;
    round();
    round();
    v0 ^= word;
  }

  std::uint64_t value() const noexcept { return v0 ^ v1 ^ v2 ^ v3; }
};

inline std::uint64_t load(const char* at, std::size_t bytes) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, at, bytes);
  return word;
}

} // namespace

siphasher::siphasher(std::uint64_t key_high, std::uint64_t key_low) noexcept
  : v0_{key_high ^ 0x736f6d6570736575}, v1_{key_low ^ 0x646f72616e646f6d ^ 0xee},
    v2_{key_high ^ 0x6c7967656e657261}, v3_{key_low ^ 0x7465646279746573} {}

void siphasher::add_small(std::uint64_t value, unsigned bytes) noexcept {
  const unsigned used = length_ % 8;
  length_ += bytes;
  tail_ |= value << (used * 8);
  if (used + bytes < 8)
    return;
  sip_state state{v0_, v1_, v2_, v3_};
  state.add(tail_);
  v0_ = state.v0, v1_ = state.v1, v2_ = state.v2, v3_ = state.v3;
  tail_ = used == 0 ? 0 : value >> ((8 - used) * 8);
}

void siphasher::add(std::string_view bytes) noexcept {
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  const unsigned shift = length_ % 8 * 8; // bits that the tail takes of every word
  sip_state state{v0_, v1_, v2_, v3_};
  for (; left >= 8; at += 8, left -= 8) {
    const std::uint64_t word = load(at, 8);
    state.add(tail_ | word << shift);
    tail_ = shift == 0 ? 0 : word >> (64 - shift);
  }
  v0_ = state.v0, v1_ = state.v1, v2_ = state.v2, v3_ = state.v3;
  length_ += bytes.size() - left;
  if (left != 0)
    add_small(load(at, left), static_cast<unsigned>(left));
}

void siphasher::add_byte(std::uint8_t value) noexcept { add_small(value, 1); }

void siphasher::add_field(std::string_view bytes) noexcept {
  SKEIN_CHECK(bytes.size() <= std::numeric_limits<std::uint32_t>::max());
  add_small(bytes.size(), 4);
  add(bytes);
}

hash128 siphasher::finish() noexcept {
  sip_state state{v0_, v1_, v2_, v3_};
  state.add(tail_ | length_ << 56);
  state.v2 ^= 0xee;
  for (int i = 0; i < 4; ++i)
    state.round();
  hash128 value;
  value.high = state.value();
  state.v1 ^= 0xdd;
  for (int i = 0; i < 4; ++i)
    state.round();
  value.low = state.value();
  return value;
}

hash128 siphash128(std::string_view bytes, std::uint64_t key_high, std::uint64_t key_low) noexcept {
  siphasher hasher{key_high, key_low};
  hasher.add(bytes);
  return hasher.finish();
}

} // namespace skein
