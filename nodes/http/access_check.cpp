#include "nodes/http/access_check.hpp"

#include "nodes/access/token_maker.hpp"

namespace skein {

namespace {

constexpr std::string_view scheme = "bearer ";

/// What stands behind "Bearer "; empty: the field is something else.
std::string_view shown_token(std::string_view field) noexcept {
  if (field.size() <= scheme.size() || !equal_ignoring_case(field.substr(0, scheme.size()), scheme))
    return {};
  field.remove_prefix(scheme.size());
  while (field.starts_with(' '))
    field.remove_prefix(1);
  return field;
}

} // namespace

result<token_book::holder> identify(const request_head& head, const access_rules& rules) {
  const std::string_view field = head.field("authorization");
  if (field.empty()) {
    bool shown = false; // an empty field is no token, and not none either
    for (const auto& [name, value] : head.fields)
      shown = shown || equal_ignoring_case(name, "authorization");
    if (!shown)
      return rules.open ? token_book::holder{std::string{loopback_name}, role::admin, no_instant}
                        : token_book::holder{};
  }
  const std::string_view token = shown_token(field);
  if (token.empty())
    return error{errc::unauthorized, "The field Authorization must be: Bearer TOKEN."};
  if (const auto found = rules.tokens.find(digest_of(token), rules.now))
    return *found;
  return error{errc::unauthorized, "The token is not known here, was revoked or has expired."};
}

result<void> check_role(const token_book::holder& who, role needed) {
  if (allows(who.may, needed))
    return {};
  const std::string wanted{to_text(needed)};
  if (who.may == role::none)
    return error{errc::unauthorized, "This needs a token of the role " + wanted + "."};
  return error{errc::forbidden, "This needs the role " + wanted + "; the token " + who.name +
                                    " has the role " + std::string{to_text(who.may)} + "."};
}

} // namespace skein
