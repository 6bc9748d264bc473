// Reads msgpack from bytes nobody vouches for: pull by pull, each for one expected type. Total on
// any input; takes no memory, so nothing a sender writes makes the receiver take any. The first
// failure sticks: later reads give zeros and empty views, and the caller asks once, at the end.
#pragma once

#include "protocol/error.hpp"
#include "protocol/limits.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace skein {

class msgpack_reader {
 public:
  /// The families of types; `other` is an extension type, a float or the unused byte.
  enum class type : std::uint8_t { end, nil, boolean, number, text, binary, array, map, other };

  explicit msgpack_reader(std::string_view bytes) noexcept
    : at_{bytes.data()}, end_{bytes.data() + bytes.size()} {}

  /// errc::none, or why reading failed: invalid_frame, too_large (a count), too_deep.
  errc problem() const noexcept { return problem_; }
  bool failed() const noexcept { return problem_ != errc::none; }
  bool at_end() const noexcept { return at_ == end_; }
  std::size_t remaining() const noexcept { return static_cast<std::size_t>(end_ - at_); }

  /// What comes next, without taking it; `end` also after a failure.
  type next() const noexcept;
  /// Takes a nil if one is next.
  bool take_nil() noexcept;

  bool boolean() noexcept;
  /// A whole number of at most `max`.
  std::uint64_t number(std::uint64_t max = UINT64_MAX) noexcept {
    // Most numbers of a frame are small: one byte.
    if (at_ == end_ || static_cast<std::uint8_t>(*at_) >= 0x80 ||
        static_cast<std::uint8_t>(*at_) > max)
      return long_number(max);
    return static_cast<std::uint8_t>(*at_++);
  }
  std::int64_t signed_number(std::int64_t min = INT64_MIN, std::int64_t max = INT64_MAX) noexcept;
  /// Views into the bytes. Whether text is UTF-8 is not looked at.
  std::string_view text(std::size_t bytes_max = SIZE_MAX) noexcept;
  std::string_view binary(std::size_t bytes_max = SIZE_MAX) noexcept;

  /// Opens an array (a map) and gives its members (pairs): at most `members_max`, and no more than
  /// the bytes left could hold if each takes `bytes_each`, so that a vector of that size is never
  /// much larger than what was sent. Every opening is followed by close() behind its last member.
  std::size_t array(std::size_t members_max = limits::frame_members_max,
                    std::size_t bytes_each = 1) noexcept;
  std::size_t map(std::size_t pairs_max = limits::frame_members_max) noexcept;
  void close() noexcept { --depth_; }
  /// An array of exactly `members`.
  void array_of(std::size_t members) noexcept;

  /// For the caller's own checks of a value: the same as if the bytes had been wrong.
  void fail(errc code = errc::invalid_frame) noexcept;
  void require(bool holds, errc code = errc::invalid_frame) noexcept {
    if (!holds)
      fail(code);
  }

 private:
  bool take_byte(std::uint8_t& byte) noexcept;
  std::uint64_t long_number(std::uint64_t max) noexcept;
  /// A big-endian number of 1, 2, 4 or 8 bytes.
  std::uint64_t take_number(std::size_t bytes) noexcept;
  std::string_view take_bytes(std::uint64_t count, std::size_t bytes_max) noexcept;
  std::size_t open(std::uint64_t members, std::size_t members_max, std::size_t bytes_each) noexcept;

  const char* at_;
  const char* end_;
  std::size_t depth_ = 0; // arrays and maps now open
  errc problem_ = errc::none;
};

} // namespace skein
