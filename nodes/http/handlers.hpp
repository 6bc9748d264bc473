// What happens for each route. A handler responds before it returns or leaves a callback behind
// that does.
#pragma once

#include "nodes/http/exchange.hpp"

namespace skein {

void post_events(exchange& ex);   // POST /v1/events
void look_up(exchange& ex);       // any route with an operation, without members
void run_command(exchange& ex);   // one whose body has members
void look_up_event(exchange& ex); // GET /v1/events/{event}
void open_stream(exchange& ex);   // GET /v1/stream
void show_health(exchange& ex);
void show_ready(exchange& ex);
void show_metrics(exchange& ex);

} // namespace skein
