// Who may use the API: tokens, each with a name and a role. Of a token's text only a digest is
// kept; the text itself is known to its holder alone.
#pragma once

#include "protocol/time.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace skein {

/// What a token allows, and what a route needs. `none` is a route's alone: whoever asks.
enum class role : std::uint8_t { none, read, producer, worker, admin };

std::string_view to_text(role which);
/// Of those that a token may have.
std::optional<role> parse_role(std::string_view text);
/// Who publishes may look as well; an admin may all; everyone else what the role is for.
bool allows(role has, role needed) noexcept;

/// SHA-256 of a token's text.
using token_digest = std::array<std::uint8_t, 32>;

/// Looks at every byte, whatever it finds.
bool same_digest(const token_digest& one, const token_digest& other) noexcept;
std::string to_hex(const token_digest& digest);
std::optional<token_digest> parse_digest(std::string_view hex);

struct access_token {
  std::string name;
  skein::role may = role::read;
  token_digest digest{};
  std::string prefix; // the beginning of its text, to know it by
  instant created = no_instant;
  std::string by;                 // who made it
  instant expires = no_instant;   // no_instant: never
  instant last_used = no_instant; // to the minute

  bool is_valid(instant now) const noexcept { return expires == no_instant || now < expires; }
  friend bool operator==(const access_token&, const access_token&) = default;
};

/// As a state of the journal. The name is its key.
std::string token_text(const access_token& token);
/// Empty for what is no token.
std::optional<access_token> read_token(const std::string& name, std::string_view text);
/// As people are told: JSON, without the digest.
std::string token_page(const access_token& token, instant now);

/// The agent whose states these are: none that a configuration can name.
inline constexpr std::string_view tokens_agent = "!tokens";

} // namespace skein
