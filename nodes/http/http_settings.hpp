// What the HTTP server is told at start. The defaults are the documented limits; tests make them
// small.
#pragma once

#include "nodes/tls/server_identity.hpp"
#include "protocol/limits.hpp"
#include "protocol/time.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace skein {

enum class http_log_level : std::uint8_t { info, warning, error };
/// (level, stable kebab-case id, sentence). Called on the server's thread and on the caller's of
/// start and stop.
using http_log = std::function<void(http_log_level, std::string_view, const std::string&)>;

struct http_settings {
  std::string address = "127.0.0.1"; // a literal IPv4 or IPv6 address
  std::uint16_t port = 7411;         // 0 = the system chooses
  /// What Host may say besides the loopback names: "name" (any port), "name:port" or "*.name".
  /// Those of the certificate come to them.
  std::vector<std::string> names;
  tls_files tls; // empty: no TLS

  duration handshake_timeout = limits::http_handshake_timeout; // of TLS
  duration header_timeout = limits::http_header_timeout;       // first byte to the end of the head
  duration request_timeout = limits::http_request_timeout;     // first byte to the end of the body
  duration idle_timeout = limits::http_idle_timeout; // between requests; a write without progress
  duration rate_grace = limits::http_rate_grace;
  std::size_t body_rate_min = limits::http_body_rate_min; // bytes a second, both ways
  duration linger = limits::http_linger;
  duration stop_grace = limits::http_stop_grace;       // for responses that are being read at stop
  duration reserved_timeout = std::chrono::seconds{1}; // a whole request on a reserved connection
  duration heartbeat = limits::stream_heartbeat;
  duration tick =
      std::chrono::milliseconds{250}; // how often deadlines are looked at; 0 connections = never

  std::size_t connections_max = limits::http_connections_max; // the reserved ones included
  std::size_t connections_reserved = limits::http_connections_reserved;
  std::size_t connections_per_ip_max = limits::http_connections_per_ip_max;
  std::size_t batch_bytes_max = limits::batch_bytes_max;
  std::size_t body_memory_max = limits::http_body_memory_max;
  std::size_t response_memory_max = limits::http_response_memory_max;
  std::size_t stream_backlog_max = limits::stream_backlog_bytes_max;
  std::size_t streams_max = limits::http_streams_max;
  int send_buffer = 0; // SO_SNDBUF of a connection; 0 = the system's choice

  http_log log; // may be empty
};

} // namespace skein
