// The event stream, and the end: drain and stop.
#include "tests/nodes/http/http_fixture.hpp"

#include <thread>
#include <vector>

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

namespace {

/// The chunks' data without their sizes; what does not follow the coding ends it.
std::string unchunk(std::string_view raw, bool& whole) {
  std::string out;
  whole = false;
  while (true) {
    const std::size_t line = raw.find("\r\n");
    if (line == std::string_view::npos)
      return out;
    const std::size_t size = std::stoul(std::string{raw.substr(0, line)}, nullptr, 16);
    raw.remove_prefix(line + 2);
    if (raw.size() < size + 2)
      return out;
    out.append(raw.substr(0, size));
    raw.remove_prefix(size + 2);
    if (size == 0) {
      whole = raw.empty();
      return out;
    }
  }
}

raw_client open(http_fixture& fixture, const std::string& target = "/v1/stream",
                const std::string& fields = "") {
  raw_client client = fixture.connect();
  const raw_response out = client.ask(fixture.get(target, fields));
  CHECK(out.status == 200);
  CHECK(out.field("content-type") == "text/event-stream");
  CHECK(out.field("transfer-encoding") == "chunked");
  CHECK(out.field("connection") == "close");
  return client;
}

} // namespace

TEST_CASE("a stream carries each message with its id, event and data") {
  http_fixture fixture;
  raw_client client = open(fixture, "/v1/stream?key=k&type=a.*");
  REQUIRE(fixture.node.wait_for_streams(1));
  CHECK(fixture.node.filters().front().key == "k");
  CHECK(fixture.node.filters().front().type == "a.*");
  CHECK(fixture.node.filters().front().after.empty());
  fixture.node.emit({{"5.0", "accepted", R"({"event":"1-1"})"}, {"5.1", "outcome", "{}"}});
  CHECK(client.read_until("{}\n\n") ==
        "50\r\nid: 5.0\nevent: accepted\ndata: {\"event\":\"1-1\"}\n\n"
        "id: 5.1\nevent: outcome\ndata: {}\n\n");
  fixture.node.emit({{"6.0", "reset", "{}"}});
  CHECK(client.read_until("{}\n\n") == "\r\n1f\r\nid: 6.0\nevent: reset\ndata: {}\n\n");
}

TEST_CASE("a stream goes on after the id that the client says") {
  http_fixture fixture;
  raw_client by_query = open(fixture, "/v1/stream?after=5.1");
  raw_client by_header = open(fixture, "/v1/stream?after=5.1", "Last-Event-ID: 7.3\r\n");
  REQUIRE(fixture.node.wait_for_streams(2));
  CHECK(fixture.node.filters()[0].after == "5.1");
  CHECK(fixture.node.filters()[1].after ==
        "7.3"); // newer: what a browser sends when it connects again
  raw_client of_a_store = open(fixture, "/v1/stream?after=5.1.4f2a91c0");
  REQUIRE(fixture.node.wait_for_streams(3));
  CHECK(fixture.node.filters()[2].after == "5.1.4f2a91c0");
  for (const char* wrong : {"5", "5.", "5.1.", "5.1.x", ".1", "5.1.2.3", "-1.0"})
    CHECK(fixture.ask(fixture.get(std::string{"/v1/stream?after="} + wrong)).code() ==
          "invalid-argument");
  CHECK(fixture.ask(fixture.get("/v1/stream", "Last-Event-ID: x\r\n")).code() ==
        "invalid-argument");
}

TEST_CASE("a quiet stream says that it lives") {
  http_settings settings = test_settings();
  settings.heartbeat = 20ms;
  http_fixture fixture{settings};
  raw_client client = open(fixture);
  CHECK(client.read_until(": heartbeat\n\n") == "d\r\n: heartbeat\n\n");
  CHECK(client.read_until(": heartbeat\n\n") == "\r\nd\r\n: heartbeat\n\n");
}

TEST_CASE("a stream whose reader leaves is unsubscribed") {
  http_fixture fixture;
  {
    raw_client client = open(fixture);
    REQUIRE(fixture.node.wait_for_streams(1));
  }
  CHECK(fixture.node.wait_for_streams(0));
}

TEST_CASE("a reader that is too far behind gets what fits, is told, and closed") {
  http_settings settings = test_settings();
  settings.send_buffer = 4'096;
  settings.stream_backlog_max = 64 << 10;
  http_fixture fixture{settings};
  raw_client client{fixture.server.port(), "127.0.0.1", 4'096};
  CHECK(client.ask(fixture.get("/v1/stream")).status == 200);
  REQUIRE(fixture.node.wait_for_streams(1));
  std::size_t taken = 0;
  const std::string data(1'000, 'x');
  while (fixture.node.emit({{std::to_string(taken) + ".0", "accepted", data}}) ==
         std::vector<stream_taken>{stream_taken::more})
    REQUIRE(++taken < 100'000);
  CHECK(fixture.node.wait_for_streams(0));
  const auto rest = client.read_to_end();
  REQUIRE(rest.has_value());
  bool whole = false;
  const std::string text = unchunk(*rest, whole);
  CHECK(whole); // closed cleanly: the last chunk is there
  std::size_t messages = 0;
  std::size_t at = 0;
  for (; text.compare(at, 4, "id: ") == 0; ++messages) {
    CHECK(text.substr(at).starts_with("id: " + std::to_string(messages) + ".0\n"));
    at = text.find("\n\n", at) + 2;
  }
  CHECK(messages == taken); // no gap before the end
  CHECK(text.substr(at).starts_with("event: lagging\ndata: "));
}

TEST_CASE(
    "a reader of the past is never too far behind: it is asked to wait, and told when to go on") {
  http_settings settings = test_settings();
  settings.send_buffer = 4'096;
  settings.stream_backlog_max = 64 << 10;
  http_fixture fixture{settings};
  raw_client client{fixture.server.port(), "127.0.0.1", 4'096};
  CHECK(client.ask(fixture.get("/v1/stream?after=0.0")).status == 200);
  REQUIRE(fixture.node.wait_for_streams(1));
  const std::string data(1'000, 'x');
  std::size_t sent = 0;
  for (std::size_t rounds = 1; rounds <= 3; ++rounds) {
    while (fixture.node.emit({{std::to_string(sent++) + ".0", "accepted", data}}, false) ==
           std::vector<stream_taken>{stream_taken::more})
      REQUIRE(sent < 100'000);
    CHECK(fixture.node.emit({{std::to_string(sent++) + ".0", "accepted", data}}, false) ==
          std::vector<stream_taken>{stream_taken::full});
    CHECK_FALSE(client.read_until("id: " + std::to_string(sent - 1) + ".0").empty());
    CHECK(fixture.node.wait_for_resumes(rounds));
  }
  CHECK(fixture.node.emit({{"last.0", "accepted", data}}) ==
        std::vector<stream_taken>{stream_taken::more});
  CHECK_FALSE(client.read_until("id: last.0").empty());
}

TEST_CASE("a stream that nobody reads is dropped") {
  http_settings settings = test_settings();
  settings.send_buffer = 4'096;
  settings.idle_timeout = 250ms;
  http_fixture fixture{settings};
  raw_client client{fixture.server.port(), "127.0.0.1", 4'096};
  CHECK(client.ask(fixture.get("/v1/stream")).status == 200);
  REQUIRE(fixture.node.wait_for_streams(1));
  fixture.node.emit({{"1.0", "accepted", std::string(900'000, 'x')}});
  CHECK(fixture.node.wait_for_streams(0));
}

TEST_CASE("a stream has no idle time while it is quiet") {
  http_settings settings = test_settings();
  settings.idle_timeout = 250ms;
  settings.heartbeat = 10s;
  http_fixture fixture{settings};
  raw_client client = open(fixture);
  raw_client other = fixture.connect();
  CHECK(other.read_to_end() == ""); // the idle time has passed
  fixture.node.emit({{"1.0", "accepted", "{}"}});
  CHECK_FALSE(client.read_until("{}\n\n").empty());
}

TEST_CASE("there are only so many streams") {
  http_settings settings = test_settings();
  settings.streams_max = 1;
  http_fixture fixture{settings};
  {
    raw_client client = open(fixture);
    const raw_response out = fixture.ask(fixture.get("/v1/stream"));
    CHECK(out.status == 503);
    CHECK(out.code() == "no-capacity");
  }
  CHECK(fixture.node.wait_for_streams(0));
  raw_client next = open(fixture);
}

TEST_CASE("a stream to HTTP/1.0 is plain text until the end of the connection") {
  http_fixture fixture;
  raw_client client = fixture.connect();
  const raw_response out = client.ask("GET /v1/stream HTTP/1.0\r\n\r\n");
  CHECK(out.field("transfer-encoding").empty());
  CHECK(out.field("connection") == "close");
  REQUIRE(fixture.node.wait_for_streams(1));
  fixture.node.emit({{"1.0", "accepted", "{}"}});
  CHECK(client.read_until("{}\n\n") == "id: 1.0\nevent: accepted\ndata: {}\n\n");
  fixture.server.begin_drain();
  CHECK(client.read_to_end() == "");
}

TEST_CASE("a drain refuses new work, lets begun work end, and ends streams cleanly") {
  http_fixture fixture;
  fixture.node.holds_publishes = true;
  raw_client begun = fixture.connect();
  begun.send(fixture.post_event(event_json("1")));
  REQUIRE(fixture.node.wait_for_publishes(1));
  raw_client half = fixture.connect();
  const std::string request = fixture.post_event(event_json("2"));
  half.send(request.substr(0, request.size() - 5));
  raw_client kept = fixture.connect();
  CHECK(kept.ask(fixture.get("/readyz")).status == 200);
  raw_client stream = open(fixture);
  REQUIRE(fixture.node.wait_for_streams(1));
  fixture.node.emit({{"1.0", "accepted", "{}"}});

  fixture.server.begin_drain();
  CHECK(stream.read_to_end() == "22\r\nid: 1.0\nevent: accepted\ndata: {}\n\n\r\n0\r\n\r\n");
  CHECK(fixture.node.wait_for_streams(0));
  raw_response out = kept.ask(fixture.post_event(event_json("3")));
  CHECK(out.status == 503);
  CHECK(out.code() == "draining");
  CHECK(out.field("retry-after") == "5");
  CHECK(out.field("connection") == "close");
  CHECK(kept.read_to_end() == "");
  half.send(request.substr(request.size() - 5));
  CHECK(half.read().code() == "draining"); // it had not reached the engine
  out = fixture.ask(fixture.get("/readyz"));
  CHECK(out.status == 503);
  CHECK(out.code() == "draining");
  CHECK(fixture.ask(fixture.get("/healthz")).status == 200);
  CHECK(fixture.ask(fixture.get("/v1/status")).status == 200);
  CHECK(fixture.ask(fixture.get("/v1/stream")).code() == "draining");

  fixture.node.release_publishes();
  out = begun.read();
  CHECK(out.status == 202);
  CHECK(out.field("connection") == "close");
  CHECK(fixture.node.publishes() == 1);
}

TEST_CASE("a stop closes the port and every connection") {
  http_fixture fixture;
  raw_client idle = fixture.connect();
  CHECK(idle.ask(fixture.get("/healthz")).status == 200);
  raw_client stream = open(fixture);
  REQUIRE(fixture.node.wait_for_streams(1));
  fixture.server.stop();
  CHECK(fixture.node.wait_for_streams(0));
  CHECK(idle.read_to_end() == "");
  CHECK(stream.read_to_end() == "0\r\n\r\n");
  CHECK_FALSE(fixture.connect().connected());
  fixture.server.stop(); // again is nothing
}

TEST_CASE("a stop lets requests that are with the engine be answered") {
  http_fixture fixture;
  fixture.node.holds_waits = true;
  raw_client client = fixture.connect();
  std::string request = fixture.post_event(event_json("1"));
  request.replace(request.find("/v1/events"), 10, "/v1/events?wait=60s");
  client.send(request);
  REQUIRE(fixture.node.wait_for_waits(1));
  std::thread stopping{[&] { fixture.server.stop(); }};
  while (fixture.connect().connected()) {} // the port is still open
  fixture.node.release_waits(false);
  const raw_response out = client.read();
  CHECK(out.status == 202);
  CHECK(out.field("connection") == "close");
  stopping.join();
}

TEST_CASE("an answer of the engine after the stop is ignored") {
  auto fixture = std::make_unique<http_fixture>();
  fixture->node.holds_publishes = true;
  raw_client client = fixture->connect();
  client.send(fixture->post_event(event_json("1")));
  REQUIRE(fixture->node.wait_for_publishes(1));
  fixture->server.stop();
  CHECK(client.read_to_end() == "");
  fixture->node.release_publishes();
  fixture.reset(); // the engine's thread has run the callback by now
}

TEST_CASE("a stop waits for a response that is being read, but not for ever") {
  http_settings settings = test_settings();
  settings.send_buffer = 4'096;
  http_fixture fixture{settings};
  fixture.node.on_ask = [](const std::string&, const std::string&) {
    return api_answer{errc::none, std::string(4 << 20, 'x')};
  };
  raw_client slow{fixture.server.port(), "127.0.0.1", 4'096};
  slow.send(fixture.get("/v1/status"));
  CHECK_FALSE(slow.read_until("HTTP/1.1 200 OK").empty()); // the rest does not fit the buffers
  fixture.server.stop();
  const auto rest = slow.read_to_end();
  REQUIRE(rest.has_value());
  CHECK(rest->size() < 4 << 20);
}
