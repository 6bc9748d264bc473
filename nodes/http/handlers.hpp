// What happens for each route. A handler responds before it returns or leaves a callback behind
// that does.
#pragma once

#include "nodes/http/exchange.hpp"

namespace skein {

void post_events(exchange& ex);   // POST /v1/events
void look_up(exchange& ex);       // any route with an operation, without members
void run_command(exchange& ex);   // one whose body has members
void look_up_event(exchange& ex); // GET /v1/events/{event}
void create_token(exchange& ex);  // POST /v1/tokens
void open_stream(exchange& ex);   // GET /v1/stream
void show_health(exchange& ex);
void show_ready(exchange& ex);
void show_metrics(exchange& ex);

/// The members of a command's body, checked by the rules of its route.
struct command_words {
  std::string arguments; // JSON
  bool dry_run = false;
};
result<command_words> read_command(const http_request& request);

} // namespace skein
