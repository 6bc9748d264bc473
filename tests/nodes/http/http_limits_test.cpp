// Sizes at their edges, times that run out, connections beyond the caps. All times are made short
// by the settings; none of it sleeps.
#include "tests/nodes/http/http_fixture.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <future>
#include <vector>

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

namespace {

/// A binary event with that many bytes of data.
std::string binary_event(const http_fixture& fixture, std::size_t size) {
  return fixture.post("/v1/events", "application/octet-stream", std::string(size, 'x'),
                      "ce-specversion: 1.0\r\nce-id: 1\r\nce-source: /s\r\nce-type: t\r\n");
}

/// The same as chunks of 64 KiB.
std::string chunked_event(const http_fixture& fixture, std::size_t size) {
  std::string out = "POST /v1/events HTTP/1.1\r\n" + fixture.host() +
                    "ce-specversion: 1.0\r\nce-id: 1\r\nce-source: /s\r\nce-type: t\r\n"
                    "Transfer-Encoding: chunked\r\n\r\n";
  for (std::size_t left = size; left > 0; left -= std::min<std::size_t>(left, 0x10000)) {
    const std::size_t part = std::min<std::size_t>(left, 0x10000);
    char text[20];
    std::snprintf(text, sizeof text, "%zx\r\n", part);
    out += text + std::string(part, 'x') + "\r\n";
  }
  return out + "0\r\n\r\n";
}

http_settings with(const std::function<void(http_settings&)>& change) {
  http_settings settings = test_settings();
  change(settings);
  return settings;
}

} // namespace

TEST_CASE("a body may have the size of an event and not one byte more") {
  http_fixture fixture;
  fixture.node.bounds.event_bytes = 2 << 20; // the encoded event has its own, larger limit here
  const std::size_t max = fixture.node.bounds.event_bytes;
  // Exactly at the limit the body is taken, and the event in it is what is too large.
  raw_response out = fixture.ask(binary_event(fixture, max));
  CHECK(out.status == 413);
  CHECK(out.body.find("The event has ") != std::string::npos);
  out = fixture.ask(binary_event(fixture, max - 100));
  CHECK(out.status == 202);
  out = fixture.ask(binary_event(fixture, max + 1));
  CHECK(out.status == 413);
  CHECK(out.code() == "too-large");
  CHECK(out.body.find("The body may have at most 2097152 bytes.") != std::string::npos);
  CHECK(fixture.ask(chunked_event(fixture, max - 100)).status == 202);
  CHECK(fixture.ask(chunked_event(fixture, max + 1)).body.find("The body may have") !=
        std::string::npos);
  CHECK(fixture.node.publishes() == 2);
}

TEST_CASE("a batch's body may have its size and not one byte more") {
  http_fixture fixture{with([](auto& settings) { settings.batch_bytes_max = 1'000; })};
  std::string batch = "[" + event_json("1") + "]";
  batch.append(1'000 - batch.size(), ' ');
  CHECK(fixture.ask(fixture.post_batch(batch)).status == 202);
  CHECK(fixture.ask(fixture.post_batch(batch + " ")).code() == "too-large");
}

TEST_CASE("a body that is too large is refused before it is read") {
  http_fixture fixture;
  raw_client client = fixture.connect();
  const raw_response out = client.ask("POST /v1/events HTTP/1.1\r\n" + fixture.host() +
                                      "Content-Type: application/cloudevents-batch+json\r\n"
                                      "Content-Length: 8388609\r\n\r\n[");
  CHECK(out.status == 413);
  CHECK(out.field("connection") == "close");
  CHECK(client.read_to_end() == "");
}

TEST_CASE("a head may have 16 KiB and 100 fields and not more") {
  http_fixture fixture;
  const auto padded = [&](std::size_t size) {
    const std::size_t bare = fixture.get("/healthz", "X: \r\n").size();
    return fixture.get("/healthz", "X: " + std::string(size - bare, 'x') + "\r\n");
  };
  CHECK(fixture.ask(padded(limits::http_header_bytes_max)).status == 200);
  CHECK(fixture.ask(padded(limits::http_header_bytes_max + 1)).code() == "header-too-large");
  std::string fields;
  for (std::size_t i = 1; i < limits::http_header_fields_max; ++i)
    fields += "X: 1\r\n";
  CHECK(fixture.ask(fixture.get("/healthz", fields)).status == 200);
  const raw_response out = fixture.ask(fixture.get("/healthz", fields + "X: 1\r\n"));
  CHECK(out.status == 431);
}

TEST_CASE("a head that does not end in time is refused") {
  http_fixture fixture{with([](auto& settings) { settings.header_timeout = 30ms; })};
  raw_client client = fixture.connect();
  const raw_response out = client.ask("GET /healthz HTTP/1.1\r\nX: ");
  CHECK(out.status == 408);
  CHECK(out.code() == "request-timeout");
  CHECK(client.read_to_end() == "");
}

TEST_CASE("a head that trickles in is refused at the same time") {
  http_fixture fixture{with([](auto& settings) { settings.header_timeout = 30ms; })};
  raw_client client = fixture.connect();
  client.patience = 2ms;
  client.send("GET /healthz HTTP/1.1\r\nX: ");
  raw_response out;
  for (int i = 0; i < 5'000 && out.status == 0;
       ++i) { // each read that gives nothing takes its patience
    client.send_some("x");
    out = client.read();
  }
  CHECK(out.status == 408);
}

TEST_CASE("a request that does not end in time is refused") {
  http_fixture fixture{with([](auto& settings) { settings.request_timeout = 30ms; })};
  raw_client client = fixture.connect();
  CHECK(client
            .ask("POST /v1/events HTTP/1.1\r\n" + fixture.host() +
                 "Content-Type: application/cloudevents+json\r\nContent-Length: 100\r\n\r\n{")
            .code() == "request-timeout");
}

TEST_CASE("a body slower than the minimum is refused after the grace time") {
  http_fixture fixture{with([](auto& settings) {
    settings.rate_grace = 30ms;
    settings.body_rate_min = 1'000'000;
  })};
  raw_client client = fixture.connect();
  CHECK(client
            .ask("POST /v1/events HTTP/1.1\r\n" + fixture.host() +
                 "Content-Type: application/cloudevents+json\r\nContent-Length: 100000\r\n\r\n{")
            .code() == "request-timeout");
}

TEST_CASE("an idle connection is closed without a word") {
  http_fixture fixture{with([](auto& settings) { settings.idle_timeout = 250ms; })};
  raw_client fresh = fixture.connect();
  CHECK(fresh.read_to_end() == "");
  raw_client used = fixture.connect();
  CHECK(used.ask(fixture.get("/healthz")).status == 200);
  CHECK(used.read_to_end() == "");
}

TEST_CASE("the engine's time is not the client's: a request that is handled has no deadline") {
  http_fixture fixture{with([](auto& settings) {
    settings.idle_timeout = settings.header_timeout = settings.request_timeout = 250ms;
  })};
  fixture.node.holds_publishes = true;
  raw_client client = fixture.connect();
  client.send(fixture.post_event(event_json("1")));
  REQUIRE(fixture.node.wait_for_publishes(1));
  raw_client other = fixture.connect(); // its idle time passes meanwhile
  CHECK(other.read_to_end() == "");
  fixture.node.release_publishes();
  CHECK(client.read().status == 202);
}

TEST_CASE("a reader that does not take its response is dropped") {
  http_fixture fixture{with([](auto& settings) {
    settings.rate_grace = 250ms;
    settings.body_rate_min = 1'000'000'000;
    settings.send_buffer = 4'096;
  })};
  fixture.node.on_ask = [](const std::string&, const std::string&) {
    return api_answer{errc::none, std::string(4 << 20, 'x')};
  };
  raw_client client{fixture.server.port(), "127.0.0.1", 4'096};
  client.send(fixture.get("/v1/status"));
  raw_client watch = fixture.connect();
  CHECK(wait_for_metric(fixture, watch, "skein_http_slow_readers_total 1"));
  const auto rest = client.read_to_end();
  REQUIRE(rest.has_value());
  CHECK(rest->size() < 4 << 20);
}

TEST_CASE("a large response reaches a slow reader whole") {
  http_fixture fixture{with([](auto& settings) { settings.send_buffer = 4'096; })};
  fixture.node.on_ask = [](const std::string&, const std::string&) {
    return api_answer{errc::none, std::string(4 << 20, 'x')};
  };
  raw_client client{fixture.server.port(), "127.0.0.1", 4'096};
  CHECK(client.ask(fixture.get("/v1/status")).body == std::string(4 << 20, 'x'));
  CHECK(client.ask(fixture.get("/healthz")).status == 200);
}

TEST_CASE("beyond the caps only health, status and commands are served, then nothing") {
  http_fixture fixture{with([](auto& settings) {
    settings.connections_max = 6;
    settings.connections_reserved = 4;
    settings.reserved_timeout = 10s;
  })};
  std::vector<raw_client> normal;
  for (int i = 0; i < 2; ++i) {
    normal.push_back(fixture.connect());
    CHECK(normal.back().ask(fixture.get("/v1/events")).status == 200);
  }
  raw_client refused = fixture.connect();
  raw_response out = refused.ask(fixture.get("/v1/events"));
  CHECK(out.status == 503);
  CHECK(out.code() == "no-capacity");
  CHECK(out.field("retry-after") == "1");
  CHECK(refused.read_to_end() == "");
  for (const char* target : {"/healthz", "/readyz", "/v1/status", "/metrics"}) {
    raw_client reserved = fixture.connect();
    out = reserved.ask(fixture.get(target));
    CHECK(out.status == 200);
    CHECK(out.field("connection") == "close");
    CHECK(reserved.read_to_end() == "");
  }
  // The reserved ones are limited too: half of them for one address, and more are told at once.
  CHECK(wait_for_metric(fixture, normal.front(), "skein_http_reserved_connections 0"));
  std::vector<raw_client> silent;
  for (int i = 0; i < 2; ++i) {
    silent.push_back(fixture.connect());
    silent.back().send("GET /healthz");
  }
  raw_client away = fixture.connect();
  out = away.read();
  CHECK(out.status == 503);
  CHECK(away.read_to_end() == "");
  // A normal one that ends makes room.
  normal.pop_back();
  out = {};
  for (int i = 0; i < 5'000 && out.status != 200; ++i)
    out = fixture.ask(fixture.get("/v1/events"));
  CHECK(out.status == 200);
}

TEST_CASE("a reserved connection has little time") {
  http_fixture fixture{with([](auto& settings) {
    settings.connections_max = 1;
    settings.connections_reserved = 1;
    settings.reserved_timeout = 250ms;
  })};
  raw_client silent = fixture.connect();
  CHECK(silent.read_to_end() == "");
  raw_client slow = fixture.connect();
  CHECK(slow.ask("GET /healthz HTTP/1.1\r\n").status == 408);
}

TEST_CASE("one address has its own cap") {
  http_fixture fixture{with([](auto& settings) { settings.connections_per_ip_max = 1; })};
  raw_client first = fixture.connect();
  CHECK(first.ask(fixture.get("/v1/events")).status == 200);
  CHECK(fixture.ask(fixture.get("/v1/events")).status == 503);
  CHECK(fixture.ask(fixture.get("/healthz")).status == 200);
  raw_client neighbour{fixture.server.port(), "127.0.0.2"};
  CHECK(neighbour.ask(fixture.get("/v1/events")).status == 200);
  CHECK(first.ask(fixture.get("/v1/events")).status == 200);
}

TEST_CASE("bodies on their way in have a common limit") {
  http_fixture fixture{with([](auto& settings) { settings.body_memory_max = 100 << 10; })};
  const std::string head =
      "POST /v1/events HTTP/1.1\r\n" + fixture.host() +
      "Content-Type: application/cloudevents+json\r\nContent-Length: 200000\r\n\r\n";
  raw_client first = fixture.connect();
  first.send(head + std::string(60 << 10, ' '));
  raw_client watch = fixture.connect();
  CHECK(wait_for_metric(fixture, watch, "skein_http_body_bytes 65536"));
  const raw_response out = fixture.ask(head + std::string(60 << 10, ' '));
  CHECK(out.status == 503);
  CHECK(out.code() == "no-capacity");
  CHECK(fixture.ask(fixture.post_event(event_json("1"))).status == 202); // small ones still fit
}

TEST_CASE("a request that waits for its outcome gives the memory of its body back") {
  http_fixture fixture{with([](auto& settings) { settings.body_memory_max = 100 << 10; })};
  fixture.node.holds_waits = true;
  const std::string data(90 << 10, 'x');
  const auto event = [&](const std::string& target) {
    return fixture.post(target, "application/octet-stream", data,
                        "ce-specversion: 1.0\r\nce-id: 1\r\nce-source: /s\r\nce-type: t\r\n");
  };
  raw_client waits = fixture.connect();
  waits.send(event("/v1/events?wait=10s"));
  REQUIRE(fixture.node.wait_for_waits(1));
  raw_client watch = fixture.connect();
  CHECK(wait_for_metric(fixture, watch, "skein_http_body_bytes 0"));
  CHECK(fixture.ask(event("/v1/events")).status == 202);
  REQUIRE(fixture.node.published().size() == 2);
  CHECK(fixture.node.published().front().body.view().find(data) != std::string_view::npos);
  fixture.node.release_waits(false);
  CHECK(waits.read().status == 202);
}

TEST_CASE("slow readers take no acknowledgement away, and no look at the server's health") {
  http_fixture fixture{with([](auto& settings) {
    settings.response_memory_max = 4 << 20;
    settings.send_buffer = 4'096;
  })};
  fixture.node.on_ask = [](const std::string& operation, const std::string&) {
    return api_answer{errc::none, operation == "event.list" ? std::string(4 << 20, 'x') : "{}"};
  };
  raw_client slow{fixture.server.port(), "127.0.0.1", 4'096};
  slow.send(fixture.get("/v1/events"));
  raw_client watch = fixture.connect();
  REQUIRE(wait_for_metric(fixture, watch, "skein_http_response_bytes 4194304"));
  const raw_response refused = fixture.ask(fixture.get("/v1/events"));
  CHECK(refused.status == 503);
  CHECK(refused.code() == "no-capacity");
  CHECK(fixture.ask(fixture.post_event(event_json("1"))).status == 202);
  CHECK(fixture.ask(fixture.post("/v1/events/17-42/cancel", "application/json", "")).status == 200);
  fixture.node.on_publish = [](const std::vector<offered_event>&) {
    return publish_reply{errc::unknown_outcome, "", {}, {{errc::unknown_outcome, false, {}}}};
  };
  CHECK(fixture.ask(fixture.post_event(event_json("2"))).code() == "unknown");
  for (const char* target : {"/healthz", "/readyz", "/v1/status", "/metrics"})
    CHECK(fixture.ask(fixture.get(target)).status == 200);
}

TEST_CASE("a server without a free descriptor says so, and goes on when there is one") {
  http_settings settings = test_settings();
  std::promise<std::string> logged;
  settings.log = [&](http_log_level level, std::string_view id, const std::string&) {
    if (level == http_log_level::warning)
      logged.set_value(std::string{id});
  };
  http_fixture fixture{settings};
  raw_client first = fixture.connect(); // kept: its end would give descriptors back
  CHECK(first.ask(fixture.get("/healthz")).status == 200);
  const int free = ::dup(0);
  REQUIRE(free >= 0);
  ::close(free);
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit tight = before;
  tight.rlim_cur = static_cast<rlim_t>(free) + 1; // for the client's own socket
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &tight) == 0);
  raw_client client = fixture.connect();
  client.send(fixture.get("/healthz"));
  auto warning = logged.get_future();
  const bool came = warning.wait_for(10s) == std::future_status::ready;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  REQUIRE(came);
  CHECK(warning.get() == "http-accept-failed");
  CHECK(client.read().status == 200);
}

TEST_CASE("a server that cannot listen says why") {
  http_fixture fixture;
  fake_node node;
  http_settings settings = test_settings();
  settings.port = fixture.server.port();
  http_server second{settings, node};
  const auto started = second.start();
  REQUIRE_FALSE(started.ok());
  CHECK(started.error().code == errc::port_in_use);
  CHECK(started.error().detail.find("127.0.0.1:" + std::to_string(settings.port)) !=
        std::string::npos);
  CHECK(http_server::try_to_listen(settings).error().code == errc::port_in_use);
  settings.port = 0;
  CHECK(http_server::try_to_listen(settings).ok());
  settings.address = "localhost";
  http_server third{settings, node};
  CHECK(third.start().error().code == errc::invalid_config);
  settings.address = "2001:db8::1"; // of documentation: no machine has it
  settings.port = 7411;
  http_server fourth{settings, node};
  CHECK(fourth.start().error().detail.starts_with("Cannot listen on [2001:db8::1]:7411: "));
}
