// Which role may send which kind of message to a broker of a peer: one table.
#pragma once

#include "nodes/broker/peer_list.hpp"

#include <cstdint>
#include <string_view>

namespace skein {

/// Whether a peer of that role may send that kind (its index in `message`) to a part of that name.
bool may_send(peer_role role, std::uint8_t kind, std::string_view to);

} // namespace skein
