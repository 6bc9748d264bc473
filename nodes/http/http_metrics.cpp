#include "nodes/http/http_metrics.hpp"

namespace skein {

namespace {

void append_family(std::string& out, std::string_view name, std::string_view kind,
                   std::string_view help) {
  out.append("# HELP ").append(name).append(" ").append(help).append("\n");
  out.append("# TYPE ").append(name).append(" ").append(kind).append("\n");
}

void append_one(std::string& out, std::string_view name, std::string_view kind,
                std::string_view help, std::uint64_t value) {
  append_family(out, name, kind, help);
  out.append(name).append(" ").append(std::to_string(value)).append("\n");
}

} // namespace

void append_http_metrics(std::string& out, const http_counters& counters,
                         const http_gauges& gauges) {
  constexpr std::string_view responses = "skein_http_responses_total";
  append_family(out, responses, "counter", "Responses by method, route and status.");
  for (const auto& [labels, count] : counters.responses) {
    const auto& [method, route, status] = labels;
    out.append(responses).append("{method=\"").append(method);
    out.append("\",route=\"").append(route);
    out.append("\",status=\"").append(std::to_string(status));
    out.append("\"} ").append(std::to_string(count)).append("\n");
  }
  append_one(out, "skein_http_connections", "gauge", "Open connections within the caps.",
             gauges.connections);
  append_one(out, "skein_http_reserved_connections", "gauge",
             "Open connections beyond the caps, for health and status only.", gauges.reserved);
  append_one(out, "skein_http_streams", "gauge", "Open event streams.", gauges.streams);
  append_one(out, "skein_http_body_bytes", "gauge", "Memory of bodies on their way in.",
             gauges.body_bytes);
  append_one(out, "skein_http_response_bytes", "gauge", "Bodies on their way out.",
             gauges.response_bytes);
  append_one(out, "skein_http_turned_away_total", "counter",
             "Connections closed because all, also the reserved ones, were taken.",
             counters.turned_away);
  append_one(out, "skein_http_request_timeouts_total", "counter",
             "Requests that did not arrive in time.", counters.timed_out);
  append_one(out, "skein_http_slow_readers_total", "counter",
             "Connections closed because the response was not taken in time.",
             counters.slow_readers);
  append_one(out, "skein_http_lagging_streams_total", "counter",
             "Event streams ended because the reader was too far behind.",
             counters.lagging_streams);
  append_one(out, "skein_http_unauthorized_total", "counter",
             "Requests refused for want of a valid token.", counters.unauthorized);
  append_one(out, "skein_http_forbidden_total", "counter",
             "Requests refused because the token's role does not allow them.", counters.forbidden);
  append_one(out, "skein_http_bad_handshakes_total", "counter",
             "TLS handshakes that failed or took too long.", counters.bad_handshakes);
}

} // namespace skein
