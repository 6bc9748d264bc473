#include "nodes/config/byte_size.hpp"

#include <array>
#include <charconv>
#include <limits>
#include <utility>

namespace skein {

namespace {

constexpr std::array<std::pair<std::string_view, std::int64_t>, 3> units{
    {{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}};

} // namespace

std::optional<std::int64_t> parse_byte_size(std::string_view text) {
  std::int64_t unit = 1;
  for (const auto& [name, size] : units) {
    if (!text.ends_with(name))
      continue;
    text.remove_suffix(name.size());
    unit = size;
    break;
  }
  if (text.empty() || text[0] == '-')
    return std::nullopt;
  std::int64_t count = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (code != std::errc{} || end != text.data() + text.size() ||
      count > std::numeric_limits<std::int64_t>::max() / unit)
    return std::nullopt;
  return count * unit;
}

std::string format_byte_size(std::int64_t bytes) {
  for (const auto& [name, size] : units)
    if (bytes >= size && bytes % size == 0)
      return std::to_string(bytes / size).append(name);
  return std::to_string(bytes);
}

} // namespace skein
