// Requests with another one hidden behind them, sent as raw bytes: one answer, then the end,
// whatever a less strict reader would have seen.
#include "tests/nodes/http/head_corpus.hpp"
#include "tests/nodes/http/http_fixture.hpp"

#include "nodes/http/problem.hpp"

using namespace skein;
using namespace skein::test;

namespace {

std::size_t count_responses(std::string_view bytes) {
  std::size_t count = 0;
  constexpr std::string_view mark = "\r\nContent-Length: ";
  for (std::size_t at = bytes.find(mark); at != std::string_view::npos;
       at = bytes.find(mark, at + 1))
    ++count;
  return count;
}

/// Sent whole, and read until the server closes: it must do so by itself.
std::string all_that_comes(http_fixture& fixture, const std::string& bytes) {
  raw_client client = fixture.connect();
  client.send(bytes);
  return client.read_to_end().value_or("the server did not close");
}

} // namespace

TEST_CASE("a refused head gets one answer, and nothing behind it is served") {
  http_fixture fixture;
  for (const refused_head& each : refused_heads) {
    INFO(each.why);
    const std::string came = all_that_comes(fixture, each.raw + fixture.get("/healthz"));
    CHECK(came.starts_with("HTTP/1.1 " + std::to_string(status_of(each.code)) + " "));
    CHECK(came.find("\"code\":\"" + std::string{slug(each.code)} + "\"") != std::string::npos);
    CHECK(came.find("\r\nConnection: close\r\n") != std::string::npos);
    CHECK(count_responses(came) == 1);
  }
  CHECK(fixture.node.publishes() == 0);
}

TEST_CASE("a malformed chunked body is refused before anything is published") {
  http_fixture fixture;
  const std::string body = event_json("1");
  const std::string head = "POST /v1/events HTTP/1.1\r\n" + fixture.host() +
                           "Content-Type: application/cloudevents+json\r\n"
                           "Transfer-Encoding: chunked\r\n\r\n";
  const std::string size = "42"; // 66
  REQUIRE(body.size() == 66);
  for (const std::string& chunked :
       {"10000000000000042\r\n" + body + "\r\n0\r\n\r\n", // beyond 64 bits
        "10000000000000000\r\n" + body + "\r\n0\r\n\r\n", size + "\n" + body + "\r\n0\r\n\r\n",
        size + " \r\n" + body + "\r\n0\r\n\r\n", "41\r\n" + body + "\r\n0\r\n\r\n",
        size + "\r\n" + body + "\n0\r\n\r\n", size + ";\n\r\n" + body + "\r\n0\r\n\r\n",
        size + "\r\n" + body + "\r\n0\r\nX\n\r\n"}) {
    INFO(chunked);
    const std::string came = all_that_comes(fixture, head + chunked + fixture.get("/healthz"));
    CHECK(came.starts_with("HTTP/1.1 400 "));
    CHECK(came.find("\"code\":\"invalid-request\"") != std::string::npos);
    CHECK(count_responses(came) == 1);
  }
  CHECK(fixture.node.publishes() == 0);
  raw_client client = fixture.connect();
  CHECK(client.ask(head + size + "\r\n" + body + "\r\n0\r\n\r\n").status == 202);
}

TEST_CASE("a body is never taken for a request") {
  http_fixture fixture;
  const std::string hidden = fixture.post_event(event_json("hidden"));
  const std::string outer = fixture.post("/v1/events", "text/plain", hidden,
                                         "ce-specversion: 1.0\r\nce-id: outer\r\nce-source: /s\r\n"
                                         "ce-type: t\r\n");
  raw_client client = fixture.connect();
  CHECK(client.ask(outer).status == 202);
  CHECK(client.ask(fixture.get("/healthz")).status == 200);
  REQUIRE(fixture.node.published().size() == 1);
  CHECK(fixture.node.published().front().head().id == "outer");
}

TEST_CASE("a GET with a body is refused and closed") {
  http_fixture fixture;
  const std::string came =
      all_that_comes(fixture, "GET /healthz HTTP/1.1\r\n" + fixture.host() +
                                  "Content-Length: 5\r\n\r\nhello" + fixture.get("/healthz"));
  CHECK(came.starts_with("HTTP/1.1 400 "));
  CHECK(count_responses(came) == 1);
  CHECK(fixture.ask("GET /healthz HTTP/1.1\r\n" + fixture.host() + "Content-Length: 0\r\n\r\n")
            .status == 200);
}

TEST_CASE("random bytes are answered or closed, and the next client is served") {
  http_fixture fixture;
  std::uint32_t seed = 7;
  for (int i = 0; i < 50; ++i) {
    std::string bytes;
    for (int k = 0; k < 300; ++k) {
      seed = seed * 1'664'525 + 1'013'904'223;
      bytes.push_back(static_cast<char>(seed >> 24));
    }
    raw_client client = fixture.connect();
    client.send(bytes + "\r\n\r\n");
    client.half_close();
    REQUIRE(client.read_to_end().has_value());
  }
  CHECK(fixture.ask(fixture.get("/healthz")).status == 200);
}
