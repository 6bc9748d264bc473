#include "nodes/broker/routing_id.hpp"

#include "protocol/text.hpp"

namespace skein {

std::string make_routing_id(std::string_view node, std::uint64_t boot, std::uint64_t any) {
  return std::string{node} + "." + hex_of(boot) + "." + hex_of(any);
}

std::optional<routing_id> parse_routing_id(std::string_view text) {
  const auto dot = text.find('.');
  if (dot == std::string_view::npos || dot == 0)
    return std::nullopt;
  const std::string_view rest = text.substr(dot + 1);
  const auto second = rest.find('.');
  const auto boot = word_of_hex(rest.substr(0, second));
  if (!boot || (second != std::string_view::npos && !word_of_hex(rest.substr(second + 1))))
    return std::nullopt;
  return routing_id{text.substr(0, dot), *boot};
}

} // namespace skein
