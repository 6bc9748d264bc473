// Whether a request may do what it asks for: by the token that it shows, and the role that its
// route needs.
#pragma once

#include "actors/access/token_book.hpp"
#include "nodes/http/http_framing.hpp"

#include <string>
#include <string_view>

namespace skein {

/// The name of whoever shows no token on a listener that only this machine reaches.
inline constexpr std::string_view loopback_name = "loopback";

struct access_rules {
  const token_book& tokens;
  bool open = true; // who shows no token may all: bound to loopback
  instant now = no_instant;
};

/// Who asks. A token that is shown must be valid, whatever it is shown for: else unauthorized.
/// Without one: an admin called loopback, or somebody without a name and a role.
result<token_book::holder> identify(const request_head& head, const access_rules& rules);

/// unauthorized: a token is needed; forbidden: its role is another one.
result<void> check_role(const token_book::holder& who, role needed);

} // namespace skein
