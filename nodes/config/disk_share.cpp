#include "nodes/config/disk_share.hpp"

#include "nodes/config/byte_size.hpp"

#include <charconv>

namespace skein {

namespace {

constexpr std::uint64_t percent_max = 90;

} // namespace

std::optional<disk_share> parse_disk_share(std::string_view text) {
  if (text == "auto")
    return disk_share{};
  if (text.ends_with('%')) {
    text.remove_suffix(1);
    std::uint64_t percent = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), percent);
    if (code != std::errc{} || end != text.data() + text.size() || percent > percent_max)
      return std::nullopt;
    return disk_share{disk_share::form::percent, percent};
  }
  const auto bytes = parse_byte_size(text);
  if (!bytes)
    return std::nullopt;
  return disk_share{disk_share::form::bytes, static_cast<std::uint64_t>(*bytes)};
}

} // namespace skein
