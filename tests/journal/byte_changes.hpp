// What a byte of a store is changed by, each at its turn: single bits, a few at once (so that small
// numbers and the types in SQLite's records become others), all.
#pragma once

#include <array>

namespace skein::test {

inline constexpr std::array<unsigned char, 7> byte_changes{0x20, 0x41, 0x01, 0x80,
                                                           0x1a, 0xff, 0x06};

} // namespace skein::test
