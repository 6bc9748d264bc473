#include "nodes/broker/peer_roles.hpp"

#include "protocol/messages.hpp"

#include <array>

namespace skein {

namespace {

enum class may : std::uint8_t { never, to_broker, to_parts };

struct kind_rule {
  std::uint8_t kind;
  may node; // a column a role
};

template <class Message>
constexpr std::uint8_t kind_of() {
  return static_cast<std::uint8_t>(message{Message{}}.index());
}

/// Slots are given to the loops of their own node alone, so nobody asks a peer's broker for them.
const std::array table{kind_rule{kind_of<hello>(), may::to_broker},
                       kind_rule{kind_of<welcome>(), may::never},
                       kind_rule{kind_of<publish>(), may::to_parts},
                       kind_rule{kind_of<publish_ack>(), may::to_parts},
                       kind_rule{kind_of<credit>(), may::never},
                       kind_rule{kind_of<demand>(), may::never},
                       kind_rule{kind_of<grant>(), may::never},
                       kind_rule{kind_of<dispatch>(), may::to_parts},
                       kind_rule{kind_of<ack>(), may::to_parts},
                       kind_rule{kind_of<outcomes>(), may::to_parts},
                       kind_rule{kind_of<cancel_turns>(), may::to_parts},
                       kind_rule{kind_of<query>(), may::to_parts},
                       kind_rule{kind_of<answer>(), may::to_parts}};
static_assert(std::tuple_size_v<decltype(table)> == std::variant_size_v<message>,
              "each kind has a row");

} // namespace

bool may_send(peer_role role, std::uint8_t kind, std::string_view to) {
  for (const kind_rule& each : table)
    if (each.kind == kind) {
      const may rule = role == peer_role::node ? each.node : may::never;
      return rule == (to == "broker" ? may::to_broker : may::to_parts);
    }
  return false;
}

} // namespace skein
