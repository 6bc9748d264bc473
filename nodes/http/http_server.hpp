// The HTTP door of a node: docs/http-api.md over node_api. One thread runs all of it; a request
// costs that thread its parsing, the engine does the rest.
//
//   server.listen();         // the port is ours; who connects waits
//   server.start();          // requests are answered from now on
//   server.begin_drain();    // POSTs get 503, streams end, /readyz says no; look-ups still work
//   server.stop();           // the port is closed, what is being answered is let out, then all end
#pragma once

#include "actors/api.hpp"
#include "nodes/http/http_settings.hpp"
#include "protocol/result.hpp"

#include <cstdint>
#include <memory>

namespace skein {

class http_server {
 public:
  /// `api` must outlive the server. Callbacks that the engine makes after stop are ignored, but
  /// their functions may be called.
  http_server(http_settings settings, node_api& api);
  ~http_server(); // stops
  http_server(const http_server&) = delete;
  http_server& operator=(const http_server&) = delete;

  /// Whether listen() would succeed now; the port is free again afterwards.
  static result<void> try_to_listen(const http_settings& settings);
  /// Once. port_in_use: another program listens there; invalid_config: the address is no literal
  /// address, not one of this machine, or not allowed.
  result<void> listen();
  /// Once. Listens first, if that was not done.
  result<void> start();
  /// From listen on: the port that was given, or chosen by the system.
  std::uint16_t port() const noexcept;
  void begin_drain();
  /// Returns when the thread has ended: at once, or after http_settings::stop_grace if a response
  /// is being read slowly. A request that the engine does not answer within it gets no answer. May
  /// be called more than once.
  void stop();

 private:
  class impl;
  std::unique_ptr<impl> impl_;
};

} // namespace skein
