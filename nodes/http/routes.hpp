// Every path the server knows, in one table: it drives matching, 405 and Allow, the check of query
// parameters, the role that a token must have, the class of a connection that may ask for it, and
// the test of docs/http-api.md.
#pragma once

#include "actors/access/token.hpp"
#include "nodes/http/exchange.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace skein {

/// Reserved routes are also served on the connections kept free for them.
enum class route_class : std::uint8_t { normal, reserved };

/// What a POST's body is; GET has none. A command may have members, a document is one with much in
/// it.
enum class body_kind : std::uint8_t { none, events, command, document };

enum class argument_kind : std::uint8_t {
  text,   // any, not empty
  event,  // 17-42
  state,  // of delivery_state
  count,  // 1..limits::page_rows_max; a JSON number in operations
  wait,   // a duration of at most limits::http_wait_max
  time,   // RFC 3339, or a duration back from now: -1h30m
  cursor, // of the stream: 17.0 or 17.0.4f2a91c0
  number, // a member of a body: 0 or above
  flag,   // a member of a body: true or false
  object, // a member of a body: a JSON object
  role_name,
  life, // how long a token is valid: a duration of at most limits::token_life_max
};

struct argument_rule {
  std::string_view name;
  argument_kind kind;
};

struct route {
  std::string_view method;
  std::string_view pattern; // "/v1/events/{event}": {name} stands for one segment
  role needs;
  void (*handle)(exchange&);
  route_class audience = route_class::normal;
  body_kind body = body_kind::none;
  std::string_view operation; // of node_api::ask, for look_up
  argument_rule parameter;    // of {name}; its name is the operation's argument
  std::span<const argument_rule> query;
  std::span<const argument_rule> members = {}; // of a command's body
};

std::span<const route> all_routes() noexcept;

struct route_match {
  const route* found = nullptr;
  std::string_view parameter; // as sent
  std::string allow;          // the path exists, but not with this method
};
/// HEAD matches GET.
route_match match_route(std::string_view method, std::string_view path);

/// Whether `value` is what `rule` asks for. Error: invalid_argument, naming it and what would be
/// right.
result<void> check_argument(const argument_rule& rule, std::string_view value);

/// A member of a body, as JSON; of a text what it says is checked as above. Error:
/// invalid_argument.
result<void> check_member(const argument_rule& rule, std::string_view json);

/// Names and values against the route's rules.
result<void> check_query(const route& at, const query_list& query);

} // namespace skein
