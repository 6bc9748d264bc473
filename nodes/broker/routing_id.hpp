// The routing id of a broker's connection to a peer: "NODE.BOOT.ANY". BOOT is the process's nonce,
// ANY is drawn for each connection: a ROUTER ignores a connection whose id is taken, so an id that
// others know or that an old connection still has would keep a peer out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace skein {

struct routing_id {
  std::string_view node;
  std::uint64_t boot = 0;
};

std::string make_routing_id(std::string_view node, std::uint64_t boot, std::uint64_t any);
/// ANY may be left out. The node points into the text.
std::optional<routing_id> parse_routing_id(std::string_view text);

} // namespace skein
