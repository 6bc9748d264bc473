#include "actors/access/token.hpp"

#include "actors/arguments.hpp"
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>

namespace skein {

using nlohmann::json;

namespace {

constexpr std::array<std::string_view, 5> role_texts{"none", "read", "producer", "worker", "admin"};
constexpr std::string_view hex_digits = "0123456789abcdef";

json time_or_null(instant at) { return at == no_instant ? json{} : json(format_rfc3339(at)); }

} // namespace

std::string_view to_text(role which) { return role_texts[static_cast<std::size_t>(which)]; }

std::optional<role> parse_role(std::string_view text) {
  const auto found = std::find(role_texts.begin() + 1, role_texts.end(), text);
  if (found == role_texts.end())
    return std::nullopt;
  return static_cast<role>(found - role_texts.begin());
}

bool allows(role has, role needed) noexcept {
#ifdef SKEIN_BUG_ROLE_NOT_CHECKED
  return has != role::none || needed == role::none;
#endif
  if (needed == role::none || has == role::admin)
    return true;
  return has == needed || (has == role::producer && needed == role::read);
}

bool same_digest(const token_digest& one, const token_digest& other) noexcept {
  unsigned differ = 0;
  for (std::size_t i = 0; i < one.size(); ++i)
    differ |= static_cast<unsigned>(one[i] ^ other[i]);
  return differ == 0;
}

std::string to_hex(const token_digest& digest) {
  std::string text;
  for (const std::uint8_t byte : digest) {
    text.push_back(hex_digits[byte >> 4]);
    text.push_back(hex_digits[byte & 15]);
  }
  return text;
}

std::optional<token_digest> parse_digest(std::string_view hex) {
  token_digest digest{};
  if (hex.size() != 2 * digest.size())
    return std::nullopt;
  for (std::size_t i = 0; i < digest.size(); ++i) {
    const std::size_t high = hex_digits.find(hex[2 * i]);
    const std::size_t low = hex_digits.find(hex[2 * i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos)
      return std::nullopt;
    digest[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return digest;
}

std::string token_text(const access_token& token) {
  return json{{"role", to_text(token.may)},
              {"digest", to_hex(token.digest)},
              {"prefix", token.prefix},
              {"created", to_ns(token.created)},
              {"by", token.by},
              {"expires", to_ns(token.expires)},
              {"last_used", to_ns(token.last_used)}}
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

std::optional<access_token> read_token(const std::string& name, std::string_view text) {
  const json words = json::parse(text, nullptr, false);
  if (!words.is_object())
    return std::nullopt;
  const auto time = [&](const char* key) {
    const auto found = words.find(key);
    return found != words.end() && found->is_number_integer() ? from_ns(found->get<std::int64_t>())
                                                              : no_instant;
  };
  const auto may = parse_role(said(words, "role"));
  const auto digest = parse_digest(said(words, "digest"));
  if (!may || !digest)
    return std::nullopt;
  return access_token{name,
                      *may,
                      *digest,
                      said(words, "prefix"),
                      time("created"),
                      said(words, "by"),
                      time("expires"),
                      time("last_used")};
}

std::string token_page(const access_token& token, instant now) {
  return json{{"name", token.name},
              {"role", to_text(token.may)},
              {"prefix", token.prefix},
              {"created", time_or_null(token.created)},
              {"by", token.by},
              {"last_used", time_or_null(token.last_used)},
              {"expires", time_or_null(token.expires)},
              {"valid", token.is_valid(now)}}
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

} // namespace skein
