#include "protocol/msgpack_reader.hpp"

#include <array>
#include <bit>
#include <cstring>

namespace skein {

namespace {

/// First bytes of the forms that are not packed into one byte. `n` stands for 8, 16, 32, 64 bits,
/// which follow each other.
enum first_byte : std::uint8_t {
  nil = 0xc0,
  bool_false = 0xc2,
  bool_true = 0xc3,
  bin_n = 0xc4,
  uint_n = 0xcc,
  int_n = 0xd0,
  str_n = 0xd9,
  array_n = 0xdc,
  map_n = 0xde,
};

constexpr bool is_fixstr(std::uint8_t byte) { return (byte & 0xe0) == 0xa0; }
constexpr bool is_fixarray(std::uint8_t byte) { return (byte & 0xf0) == 0x90; }
constexpr bool is_fixmap(std::uint8_t byte) { return (byte & 0xf0) == 0x80; }
constexpr bool is_in(std::uint8_t byte, first_byte first, std::uint8_t count) {
  return byte >= first && byte < first + count;
}

/// Bytes of the number behind a first byte of the family that starts at `first` with `base` bytes.
constexpr std::size_t width(std::uint8_t byte, first_byte first, std::size_t base = 1) {
  return base << (byte - first);
}

static_assert(std::endian::native == std::endian::little);
template <class Word>
Word load(const char* from) noexcept {
  Word word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

constexpr auto type_table = [] {
  using type = msgpack_reader::type;
  std::array<type, 256> table{};
  for (unsigned i = 0; i < table.size(); ++i) {
    const auto byte = static_cast<std::uint8_t>(i);
    table[i] = byte < 0x80 || byte >= 0xe0 || is_in(byte, uint_n, 8) ? type::number
               : is_fixmap(byte) || is_in(byte, map_n, 2)            ? type::map
               : is_fixarray(byte) || is_in(byte, array_n, 2)        ? type::array
               : is_fixstr(byte) || is_in(byte, str_n, 3)            ? type::text
               : is_in(byte, bin_n, 3)                               ? type::binary
               : is_in(byte, bool_false, 2)                          ? type::boolean
               : byte == nil                                         ? type::nil
                                                                     : type::other;
  }
  return table;
}();

} // namespace

void msgpack_reader::fail(errc code) noexcept {
  if (problem_ == errc::none)
    problem_ = code;
  at_ = end_; // nothing more to read: every later read fails by itself
}

msgpack_reader::type msgpack_reader::next() const noexcept {
  return at_ == end_ ? type::end : type_table[static_cast<std::uint8_t>(*at_)];
}

bool msgpack_reader::take_nil() noexcept {
  if (next() != type::nil)
    return false;
  ++at_;
  return true;
}

bool msgpack_reader::take_byte(std::uint8_t& byte) noexcept {
  if (at_ == end_) {
    fail();
    return false;
  }
  byte = static_cast<std::uint8_t>(*at_++);
  return true;
}

std::uint64_t msgpack_reader::take_number(std::size_t bytes) noexcept {
  if (remaining() < bytes) {
    fail();
    return 0;
  }
  const char* const from = at_;
  at_ += bytes;
  switch (bytes) {
    case 1:
      return static_cast<std::uint8_t>(*from);
    case 2:
      return __builtin_bswap16(load<std::uint16_t>(from));
    case 4:
      return __builtin_bswap32(load<std::uint32_t>(from));
    default:
      return __builtin_bswap64(load<std::uint64_t>(from));
  }
}

bool msgpack_reader::boolean() noexcept {
  std::uint8_t byte = 0;
  if (take_byte(byte) && !is_in(byte, bool_false, 2))
    fail();
  return byte == bool_true;
}

std::uint64_t msgpack_reader::long_number(std::uint64_t max) noexcept {
  std::uint8_t byte = 0;
  if (!take_byte(byte))
    return 0;
  std::uint64_t value = byte;
  if (is_in(byte, uint_n, 4)) {
    value = take_number(width(byte, uint_n));
  } else if (is_in(byte, int_n, 4)) { // a signed form of a number that needs no sign
    const std::size_t bytes = width(byte, int_n);
    value = take_number(bytes);
    if (value >> (8 * bytes - 1) != 0)
      fail();
  } else if (byte >= 0x80) {
    fail();
  }
  if (value > max)
    fail();
  return failed() ? 0 : value;
}

std::int64_t msgpack_reader::signed_number(std::int64_t min, std::int64_t max) noexcept {
  std::uint8_t byte = 0;
  if (!take_byte(byte))
    return 0;
  std::int64_t value = static_cast<std::int8_t>(byte);
  if (is_in(byte, uint_n, 4)) {
    const std::uint64_t large = take_number(width(byte, uint_n));
    if (large > INT64_MAX)
      fail();
    value = static_cast<std::int64_t>(large);
  } else if (is_in(byte, int_n, 4)) {
    const std::size_t bytes = width(byte, int_n);
    const std::uint64_t sign = std::uint64_t{1} << (8 * bytes - 1);
    value = static_cast<std::int64_t>((take_number(bytes) ^ sign) - sign);
  } else if (byte >= 0x80 && byte < 0xe0) {
    fail();
  }
  if (value < min || value > max)
    fail();
  return failed() ? 0 : value;
}

std::string_view msgpack_reader::take_bytes(std::uint64_t count, std::size_t bytes_max) noexcept {
  if (count > remaining()) {
    fail();
    return {};
  }
  if (count > bytes_max) {
    fail(errc::too_large);
    return {};
  }
  const std::string_view view{at_, static_cast<std::size_t>(count)};
  at_ += count;
  return view;
}

std::string_view msgpack_reader::text(std::size_t bytes_max) noexcept {
  std::uint8_t byte = 0;
  if (!take_byte(byte))
    return {};
  if (is_fixstr(byte))
    return take_bytes(byte & 0x1f, bytes_max);
  if (is_in(byte, str_n, 3))
    return take_bytes(take_number(width(byte, str_n)), bytes_max);
  fail();
  return {};
}

std::string_view msgpack_reader::binary(std::size_t bytes_max) noexcept {
  std::uint8_t byte = 0;
  if (!take_byte(byte))
    return {};
  if (is_in(byte, bin_n, 3))
    return take_bytes(take_number(width(byte, bin_n)), bytes_max);
  fail();
  return {};
}

std::size_t msgpack_reader::open(std::uint64_t members, std::size_t members_max,
                                 std::size_t bytes_each) noexcept {
  ++depth_;
  if (members * bytes_each > remaining()) // members < 2^32
    fail();
  else if (members > members_max)
    fail(errc::too_large);
  else if (depth_ > limits::frame_depth_max)
    fail(errc::too_deep);
  return failed() ? 0 : static_cast<std::size_t>(members);
}

std::size_t msgpack_reader::array(std::size_t members_max, std::size_t bytes_each) noexcept {
  std::uint8_t byte = 0;
  std::uint64_t members = 0;
  if (!take_byte(byte)) {
  } else if (is_fixarray(byte)) {
    members = byte & 0x0f;
  } else if (is_in(byte, array_n, 2)) {
    members = take_number(width(byte, array_n, 2));
  } else {
    fail();
  }
  return open(members, members_max, bytes_each);
}

std::size_t msgpack_reader::map(std::size_t pairs_max) noexcept {
  std::uint8_t byte = 0;
  std::uint64_t pairs = 0;
  if (!take_byte(byte)) {
  } else if (is_fixmap(byte)) {
    pairs = byte & 0x0f;
  } else if (is_in(byte, map_n, 2)) {
    pairs = take_number(width(byte, map_n, 2));
  } else {
    fail();
  }
  return open(pairs, pairs_max, 2);
}

void msgpack_reader::array_of(std::size_t members) noexcept {
  if (array(members) != members)
    fail();
}

} // namespace skein
