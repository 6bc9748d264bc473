// CRC-32C (Castagnoli): finds damage to a record, by the processor's own instruction where it has
// one.
#pragma once

#include <cstdint>
#include <string_view>

namespace skein::journal {

/// Of `bytes`, going on from the value of what came before them.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t before = 0) noexcept;

/// The same by a table, on any processor.
std::uint32_t crc32c_by_table(std::string_view bytes, std::uint32_t before = 0) noexcept;

} // namespace skein::journal
