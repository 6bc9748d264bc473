// The head of a request, judged by its bytes: what is refused, and the one normal form of the rest.
#include "nodes/http/http_framing.hpp"
#include "nodes/http/request_reader.hpp"
#include "tests/nodes/http/head_corpus.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using namespace skein;
using namespace skein::test;
using namespace std::string_literals;

namespace {

/// The head as a whole: found, then parsed.
result<void> judge(const std::string& raw, request_head& out) {
  head_scanner scanner;
  const auto end = scanner.scan(raw);
  if (!end)
    return end.error();
  if (*end != raw.size())
    return error{errc::internal, "the head ends at " + std::to_string(*end)};
  return parse_head(raw, {}, out);
}

std::string with_fields(std::size_t count) {
  std::string raw = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (std::size_t i = 1; i < count; ++i)
    raw += "X" + std::to_string(i) + ": 1\r\n";
  return raw + "\r\n";
}

std::string of_size(std::size_t size) {
  const std::string frame = "GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n";
  std::string raw = frame;
  return raw.insert(frame.size() - 4, std::string(size - frame.size(), 'x'));
}

} // namespace

TEST_CASE("a head that two servers could read differently is refused") {
  for (const refused_head& each : refused_heads) {
    INFO(each.why);
    request_head head;
    const auto judged = judge(each.raw, head);
    REQUIRE_FALSE(judged.ok());
    CHECK(judged.error().code == each.code);
    CHECK_FALSE(judged.error().detail.empty());
  }
}

TEST_CASE("a head is refused at the byte that makes it wrong, not at its end") {
  for (const char* begin : {"GET / HTTP/1.1\n", "GET / HTTP/1.1\rH", "\n"}) {
    INFO(begin);
    head_scanner scanner;
    CHECK_FALSE(scanner.scan(begin).ok());
  }
  head_scanner scanner;
  CHECK_FALSE(scanner.scan("\x16\x03\x01\x00"s).ok()); // the hello of TLS
}

TEST_CASE("a head is found the same in whatever pieces it comes") {
  const std::string raw = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";
  for (std::size_t piece = 1; piece <= raw.size(); ++piece) {
    head_scanner scanner;
    std::size_t end = 0;
    for (std::size_t size = piece; end == 0; size += piece) {
      const auto scanned = scanner.scan((raw + "hello").substr(0, size));
      REQUIRE(scanned.ok());
      end = *scanned;
      REQUIRE((end != 0 || size < raw.size()));
    }
    CHECK(end == raw.size());
  }
}

TEST_CASE("a head in its normal form has its parts") {
  request_head head;
  const std::string raw = "POST /v1/events?wait=1s HTTP/1.1\r\nHOST:  localhost:7411 \r\n"
                          "content-type:application/json\r\nX-Empty:\r\nContent-Length: 12\r\n"
                          "X-Text: a\tb \xc3\xa4 \r\nExpect: 100-Continue\r\n\r\n";
  REQUIRE(judge(raw, head));
  CHECK(head.method == "POST");
  CHECK(head.target == "/v1/events?wait=1s");
  CHECK(head.authority == "localhost:7411");
  CHECK(head.fields.size() == 6);
  CHECK(head.field("Content-Type") == "application/json");
  CHECK(head.field("x-text") == "a\tb \xc3\xa4");
  CHECK(head.field("x-empty").empty());
  CHECK(head.field("absent").empty());
  CHECK(head.content_length == 12);
  CHECK(head.has_body());
  CHECK(head.expects_continue);
  CHECK(head.keep_alive);
  CHECK_FALSE(head.chunked);
  CHECK_FALSE(head.http_1_0);
}

TEST_CASE("an absolute target gives the same form as a path and Host") {
  request_head head;
  const std::string raw = "GET HTTP://LocalHost:7411/a?b HTTP/1.1\r\nHost: localhost:7411\r\n\r\n";
  REQUIRE(judge(raw, head));
  CHECK(head.target == "/a?b");
  CHECK(head.authority == "LocalHost:7411");
}

TEST_CASE("a connection is kept as its version and Connection say") {
  const auto kept = [](const std::string& version, const std::string& fields) {
    request_head head;
    REQUIRE(judge("GET / " + version + "\r\nHost: a\r\n" + fields + "\r\n", head));
    return head.keep_alive;
  };
  CHECK(kept("HTTP/1.1", ""));
  CHECK(kept("HTTP/1.1", "Connection: upgrade\r\n"));
  CHECK_FALSE(kept("HTTP/1.1", "Connection: close\r\n"));
  CHECK_FALSE(kept("HTTP/1.1", "Connection: Upgrade, CLOSE\r\n"));
  CHECK_FALSE(kept("HTTP/1.1", "Connection: keep-alive\r\nConnection: close\r\n"));
  CHECK_FALSE(kept("HTTP/1.0", ""));
  CHECK(kept("HTTP/1.0", "Connection: Keep-Alive\r\n"));
}

TEST_CASE("HTTP/1.0 needs no Host and has no interim responses") {
  request_head head;
  REQUIRE(judge("GET /healthz HTTP/1.0\r\nExpect: 100-continue\r\n\r\n", head));
  CHECK(head.authority.empty());
  CHECK_FALSE(head.expects_continue);
}

TEST_CASE("a head may have 16 KiB and not one byte more") {
  constexpr std::size_t max = limits::http_header_bytes_max;
  request_head head;
  CHECK(judge(of_size(max), head).ok());
  const auto over = judge(of_size(max + 1), head);
  REQUIRE_FALSE(over.ok());
  CHECK(over.error().code == errc::header_too_large);
  head_scanner scanner;
  CHECK(scanner.scan(std::string(max - 1, 'x')).ok());
  CHECK(scanner.scan(std::string(max, 'x')).error().code == errc::header_too_large);
}

TEST_CASE("a head may have 100 fields and not one more") {
  request_head head;
  CHECK(judge(with_fields(limits::http_header_fields_max), head).ok());
  const auto over = judge(with_fields(limits::http_header_fields_max + 1), head);
  REQUIRE_FALSE(over.ok());
  CHECK(over.error().code == errc::header_too_large);
}

TEST_CASE("a reader skips one empty line before a request and refuses a second") {
  request_reader reader;
  const std::string raw = "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
  std::string_view rest = raw;
  rest.remove_prefix(reader.feed(rest));
  CHECK_FALSE(reader.started());
  rest.remove_prefix(reader.feed(rest));
  CHECK(rest.empty());
  CHECK(reader.at() == request_reader::stage::headed);

  request_reader second;
  std::string_view two = "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
  two.remove_prefix(second.feed(two));
  second.feed(two);
  CHECK(second.at() == request_reader::stage::failed);
}

TEST_CASE("a reader takes one request and leaves the next, in whatever pieces they come") {
  const std::string one = "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
  const std::string two = "POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                          "2;x=y\r\nwo\r\n3\r\nrld\r\n0\r\nX-T: 1\r\n\r\n";
  const std::string raw = one + two + one;
  for (std::size_t piece = 1; piece <= raw.size(); ++piece) {
    INFO(piece);
    request_reader reader;
    std::vector<std::string> seen;
    for (std::size_t at = 0; at < raw.size(); at += piece) {
      std::string_view rest = std::string_view{raw}.substr(at, piece);
      while (!rest.empty()) {
        rest.remove_prefix(reader.feed(rest));
        if (reader.at() == request_reader::stage::headed)
          reader.read_body(5);
        REQUIRE(reader.at() != request_reader::stage::failed);
        if (reader.at() == request_reader::stage::complete) {
          seen.push_back(std::string{reader.head().target} + "=" + std::string{reader.body()});
          reader.restart();
        }
      }
    }
    CHECK(seen == std::vector<std::string>{"/a=hello", "/b=world", "/a=hello"});
  }
}

TEST_CASE("a body's memory follows the bytes that came, not the length that was declared") {
  request_reader reader;
  reader.feed("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8388608\r\n\r\n");
  reader.read_body(8 << 20);
  CHECK(reader.body_memory() <= 64 << 10);
  reader.feed(std::string(200 << 10, 'x'));
  CHECK(reader.body_memory() <= 512 << 10);
  CHECK(reader.at() == request_reader::stage::body);
}
