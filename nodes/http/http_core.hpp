// What the connections of one server share. Only its thread touches it, but for `io` (posting to
// it) and `draining`.
#pragma once

#include <utility> // Boost 1.74 needs it first

#include "actors/api.hpp"
#include "actors/log_pace.hpp"
#include "nodes/http/admission.hpp"
#include "nodes/http/host_check.hpp"
#include "nodes/http/http_metrics.hpp"
#include "nodes/http/http_settings.hpp"
#include "nodes/tls/server_identity.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <array>
#include <atomic>
#include <memory>
#include <unordered_set>

namespace skein {

class http_connection;

struct http_core {
  http_core(http_settings given, node_api& engine)
    : settings{std::move(given)}, api{engine}, doors{{settings.connections_max,
                                                      settings.connections_reserved,
                                                      settings.connections_per_ip_max}} {}

  http_settings settings;
  node_api& api;
  boost::asio::io_context io{1}; // one thread runs it; destroyed after all that lives in it
  boost::asio::steady_timer ticker{io};
  bool ticking = false;

  server_identity identity; // empty: no TLS
  host_rules hosts;
  std::atomic<bool> draining{false};
  bool stopping = false;
  admission doors;
  http_counters counters;
  std::size_t turned_away = 0; // connections that are just being told so
  std::size_t body_memory = 0;
  std::size_t response_memory = 0;
  std::size_t streams = 0;
  log_pace handshake_pace; // of log lines
  log_pace unauthorized_pace;
  log_pace forbidden_pace;
  std::unordered_set<std::shared_ptr<http_connection>> connections;
  /// What a socket is read into; kept by a connection only as far as it cannot be used at once.
  std::array<char, 64 << 10> scratch;

  void log(http_log_level level, std::string_view id, const std::string& text) const {
    if (settings.log)
      settings.log(level, id, text);
  }
};

} // namespace skein
