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

std::uint64_t load_word(const char* at) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

/// 1 to 7 bytes, by loads of fixed sizes that overlap: a copy of any size is a call.
std::uint64_t load_some(const char* at, std::size_t bytes) noexcept {
  const auto byte = [at](std::size_t i) {
    return std::uint64_t{static_cast<unsigned char>(at[i])} << (i * 8);
  };
  if (bytes < 4)
    return byte(0) | byte(bytes / 2) | byte(bytes - 1);
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  std::memcpy(&first, at, sizeof first);
  std::memcpy(&last, at + bytes - sizeof last, sizeof last);
  return first | std::uint64_t{last} << ((bytes - sizeof last) * 8);
}

} // namespace

/// A hasher's state in registers, for as long as one call of it takes.
struct siphasher::feeder {
  explicit feeder(siphasher& of) noexcept
    : into{of}, state{of.v0_, of.v1_, of.v2_, of.v3_}, tail{of.tail_} {}
  ~feeder() {
    into.v0_ = state.v0, into.v1_ = state.v1, into.v2_ = state.v2, into.v3_ = state.v3;
    into.tail_ = tail;
  }
  feeder(const feeder&) = delete;
  feeder& operator=(const feeder&) = delete;

  /// At most 7 bytes.
  void add_small(std::uint64_t value, unsigned bytes) noexcept {
    const unsigned used = into.length_ % 8;
    into.length_ += bytes;
    tail |= value << (used * 8);
    if (used + bytes < 8)
      return;
    state.add(tail);
    tail = used == 0 ? 0 : value >> ((8 - used) * 8);
  }

  void add(std::string_view bytes) noexcept {
    const char* at = bytes.data();
    std::size_t left = bytes.size();
    const unsigned shift = into.length_ % 8 * 8; // bits that the tail takes of every word
    into.length_ += left & ~std::size_t{7};
    if (shift == 0) {
      for (; left >= 8; at += 8, left -= 8)
        state.add(load_word(at));
    } else {
      for (; left >= 8; at += 8, left -= 8) {
        const std::uint64_t word = load_word(at);
        state.add(tail | word << shift);
        tail = word >> (64 - shift);
      }
    }
    if (left != 0)
      add_small(load_some(at, left), static_cast<unsigned>(left));
  }

  siphasher& into;
  sip_state state;
  std::uint64_t tail;
};

siphasher::siphasher(std::uint64_t key_high, std::uint64_t key_low) noexcept
  : v0_{key_high ^ 0x736f6d6570736575}, v1_{key_low ^ 0x646f72616e646f6d ^ 0xee},
    v2_{key_high ^ 0x6c7967656e657261}, v3_{key_low ^ 0x7465646279746573} {}

void siphasher::add(std::string_view bytes) noexcept { feeder{*this}.add(bytes); }

void siphasher::add_byte(std::uint8_t value) noexcept { feeder{*this}.add_small(value, 1); }

void siphasher::add_field(std::string_view bytes) noexcept {
  SKEIN_CHECK(bytes.size() <= std::numeric_limits<std::uint32_t>::max());
  feeder now{*this};
  now.add_small(bytes.size(), 4);
  now.add(bytes);
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
