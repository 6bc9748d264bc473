// A server on a port of the system's choice over a fake engine, and requests as text.
#pragma once

#include "nodes/http/http_server.hpp"
#include "tests/nodes/http/fake_node.hpp"
#include "tests/nodes/http/raw_client.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <string>
#include <string_view>

namespace skein::test {

/// Short ticks; all other times long enough that only a test that wants them sees them.
inline http_settings test_settings() {
  http_settings settings;
  settings.port = 0;
  settings.tick = std::chrono::milliseconds{5};
  settings.stop_grace = std::chrono::milliseconds{200};
  settings.handshake_timeout = std::chrono::seconds{60};
  return settings;
}

struct http_fixture {
  fake_node node;
  http_server server;

  explicit http_fixture(http_settings settings = test_settings())
    : server{std::move(settings), node} {
    const auto started = server.start();
    REQUIRE(started.ok());
  }

  raw_client connect() { return raw_client{server.port()}; }
  std::string host() const { return "Host: 127.0.0.1:" + std::to_string(server.port()) + "\r\n"; }

  std::string get(const std::string& target, const std::string& fields = "") const {
    return "GET " + target + " HTTP/1.1\r\n" + host() + fields + "\r\n";
  }
  std::string post(const std::string& target, const std::string& type, std::string_view body,
                   const std::string& fields = "") const {
    return "POST " + target + " HTTP/1.1\r\n" + host() + "Content-Type: " + type +
           "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + fields + "\r\n" +
           std::string{body};
  }
  std::string post_event(std::string_view body, const std::string& query = "") const {
    return post("/v1/events" + query, "application/cloudevents+json", body);
  }
  std::string post_batch(std::string_view body, const std::string& query = "") const {
    return post("/v1/events" + query, "application/cloudevents-batch+json", body);
  }
  /// One request on a connection of its own.
  raw_response ask(const std::string& request) { return connect().ask(request); }
};

/// Asks until the metrics have that line; false when they do not get it.
inline bool wait_for_metric(http_fixture& fixture, raw_client& client, const std::string& line) {
  const auto end = std::chrono::steady_clock::now() + client.patience;
  while (std::chrono::steady_clock::now() < end)
    if (client.ask(fixture.get("/metrics")).body.find("\n" + line + "\n") != std::string::npos)
      return true;
  return false;
}

inline std::string event_json(const std::string& id, const std::string& more = "") {
  return R"({"specversion":"1.0","id":")" + id + R"(","source":"/test","type":"test.made")" + more +
         "}";
}

} // namespace skein::test
