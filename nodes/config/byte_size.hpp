// Sizes as people write them: "512", "64KiB", "1MiB", "2GiB".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace skein {

/// No sign, fraction, space or decimal unit; empty when it is not a size or larger than 2^63 - 1.
std::optional<std::int64_t> parse_byte_size(std::string_view text);

/// In the largest unit that leaves no rest.
std::string format_byte_size(std::int64_t bytes);

} // namespace skein
