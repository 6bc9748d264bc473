// What the server counts about itself, and its Prometheus text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>

namespace skein {

struct http_counters {
  /// Responses by (method, route pattern, status); "other" where no route matched. Both are
  /// literals.
  std::map<std::tuple<std::string_view, std::string_view, int>, std::uint64_t> responses;
  std::uint64_t turned_away = 0;  // connections beyond all caps
  std::uint64_t timed_out = 0;    // requests that did not arrive in time
  std::uint64_t slow_readers = 0; // connections closed because nobody took the response
  std::uint64_t lagging_streams = 0;
  std::uint64_t unauthorized = 0;   // requests without a valid token
  std::uint64_t forbidden = 0;      // with one of a role that does not allow it
  std::uint64_t bad_handshakes = 0; // of TLS, those that took too long too
};

struct http_gauges {
  std::size_t connections = 0; // the reserved ones left out
  std::size_t reserved = 0;
  std::size_t streams = 0;
  std::size_t body_bytes = 0;
  std::size_t response_bytes = 0;
};

void append_http_metrics(std::string& out, const http_counters& counters,
                         const http_gauges& gauges);

} // namespace skein
