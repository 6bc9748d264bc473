// Tokens as their holders have them: skn_ROLE_ and 256 random bits.
#pragma once

#include "actors/access/token.hpp"
#include "nodes/access/secret_text.hpp"

#include <string>
#include <string_view>

namespace skein {

struct new_token {
  secret_text text;   // "skn_admin_" and 43 of A-Z a-z 0-9 - _
  std::string prefix; // its beginning, to know it by: no secret
  token_digest digest{};
};

new_token make_token(role may);

/// Of whatever somebody says is a token.
token_digest digest_of(std::string_view text);

} // namespace skein
