// Writes msgpack into memory of a size known before: the caller sums up the bounds below, so a
// frame costs one allocation and no check but the one against its end.
#pragma once

#include "protocol/check.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace skein {

/// Upper bounds of what one value takes.
namespace msgpack_bound {
inline constexpr std::size_t small = 1;                                      // nil, bool
inline constexpr std::size_t number = 9;                                     // any integer
inline constexpr std::size_t opening = 5;                                    // of an array or a map
constexpr std::size_t text(std::size_t bytes) noexcept { return bytes + 5; } // str or bin
} // namespace msgpack_bound

/// Always the shortest encoding of a value. Writing beyond the end breaks a SKEIN_CHECK.
class msgpack_writer {
 public:
  msgpack_writer(char* begin, std::size_t size) noexcept
    : begin_{begin}, at_{begin}, end_{begin + size} {}

  std::size_t written() const noexcept { return static_cast<std::size_t>(at_ - begin_); }

  void nil() { put(0xc0); }
  void boolean(bool value) { put(value ? 0xc3 : 0xc2); }

  void number(std::uint64_t value) {
    if (value < 0x80)
      put(static_cast<std::uint8_t>(value));
    else if (value <= 0xff)
      put_sized(0xcc, static_cast<std::uint8_t>(value));
    else if (value <= 0xffff)
      put_sized(0xcd, static_cast<std::uint16_t>(value));
    else if (value <= 0xffff'ffff)
      put_sized(0xce, static_cast<std::uint32_t>(value));
    else
      put_sized(0xcf, value);
  }

  void signed_number(std::int64_t value) {
    if (value >= 0)
      number(static_cast<std::uint64_t>(value));
    else if (value >= -0x20)
      put(static_cast<std::uint8_t>(value));
    else if (value >= INT8_MIN)
      put_sized(0xd0, static_cast<std::uint8_t>(value));
    else if (value >= INT16_MIN)
      put_sized(0xd1, static_cast<std::uint16_t>(value));
    else if (value >= INT32_MIN)
      put_sized(0xd2, static_cast<std::uint32_t>(value));
    else
      put_sized(0xd3, static_cast<std::uint64_t>(value));
  }

  void text(std::string_view value) {
    if (value.size() < 0x20)
      put(static_cast<std::uint8_t>(0xa0 | value.size()));
    else if (value.size() <= 0xff)
      put_sized(0xd9, static_cast<std::uint8_t>(value.size()));
    else
      long_opening(0xda, value.size());
    bytes(value);
  }

  void binary(std::string_view value) {
    if (value.size() <= 0xff)
      put_sized(0xc4, static_cast<std::uint8_t>(value.size()));
    else
      long_opening(0xc5, value.size());
    bytes(value);
  }

  void array(std::size_t members) {
    if (members < 0x10)
      put(static_cast<std::uint8_t>(0x90 | members));
    else
      long_opening(0xdc, members);
  }

  void map(std::size_t pairs) {
    if (pairs < 0x10)
      put(static_cast<std::uint8_t>(0x80 | pairs));
    else
      long_opening(0xde, pairs);
  }

 private:
  void put(std::uint8_t byte) {
    SKEIN_CHECK(at_ != end_);
    *at_++ = static_cast<char>(byte);
  }

  template <class Unsigned>
  void put_sized(std::uint8_t type, Unsigned value) {
    SKEIN_CHECK(static_cast<std::size_t>(end_ - at_) > sizeof value);
    *at_++ = static_cast<char>(type);
    if constexpr (sizeof value == 2)
      value = __builtin_bswap16(value);
    else if constexpr (sizeof value == 4)
      value = __builtin_bswap32(value);
    else if constexpr (sizeof value == 8)
      value = __builtin_bswap64(value);
    std::memcpy(at_, &value, sizeof value);
    at_ += sizeof value;
  }

  /// The 16-bit form's type byte; the 32-bit form's is the next one in every family.
  void long_opening(std::uint8_t type16, std::size_t size) {
    if (size <= 0xffff) {
      put_sized(type16, static_cast<std::uint16_t>(size));
      return;
    }
    SKEIN_CHECK(size <= UINT32_MAX);
    put_sized(static_cast<std::uint8_t>(type16 + 1), static_cast<std::uint32_t>(size));
  }

  void bytes(std::string_view value) {
    SKEIN_CHECK(static_cast<std::size_t>(end_ - at_) >= value.size());
    if (!value.empty())
      std::memcpy(at_, value.data(), value.size());
    at_ += value.size();
  }

  static_assert(std::endian::native == std::endian::little,
                "msgpack numbers are swapped on writing");

  char* begin_;
  char* at_;
  char* end_;
};

} // namespace skein
