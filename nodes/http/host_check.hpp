// Who may be meant and who may ask. A page in somebody's browser can send requests to a loopback
// address and can make its own name resolve to it; Host and Origin tell such requests apart from
// those of the user's programs.
#pragma once

#include "nodes/http/http_framing.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace skein {

struct host_rules {
  bool loopback = true;           // the listener is bound to a loopback address
  std::uint16_t port = 0;         // of the listener
  bool secured = false;           // it speaks TLS: who names no port means 443
  std::vector<std::string> names; // further names: "name" (any port), "name:port" or "*.name"
};

/// Host may be a name in the rules; localhost, a name under .localhost or a loopback address with
/// our port; and, unless bound to loopback, any literal address with any port (a stranger's page
/// has a name).
bool host_allowed(std::string_view authority, const host_rules& rules);

/// `origin` must be http or https at `host` itself, at a name in the rules, or at a loopback name
/// or address with our port.
bool origin_allowed(std::string_view origin, std::string_view host, const host_rules& rules);

/// Host, and Origin if there is one. Error: forbidden_origin, saying what would be allowed.
result<void> check_host(const request_head& head, const host_rules& rules);

} // namespace skein
