// The chunked coding: what is a body, what is refused, and at which byte.
#include "nodes/http/chunk_decoder.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using namespace skein;

namespace {

struct outcome {
  errc code = errc::none;
  bool complete = false;
  std::size_t taken = 0;
  std::string body;
};

outcome decode(std::string_view raw, std::size_t max, std::size_t piece) {
  chunk_decoder decoder{max};
  outcome out;
  while (!raw.empty() && !decoder.complete()) {
    const auto taken = decoder.feed(raw.substr(0, piece), out.body);
    if (!taken) {
      out.code = taken.error().code;
      return out;
    }
    out.taken += *taken;
    raw.remove_prefix(*taken);
  }
  out.complete = decoder.complete();
  return out;
}

struct refusal {
  const char* why;
  std::string raw;
};

} // namespace

TEST_CASE("a chunked body is its data, in whatever pieces it comes") {
  const std::string raw =
      "5\r\nhello\r\n1;name=\"va \\\"lue\";b;c=d\r\n \r\n00000A\r\n0123456789\r\n"
      "0;last\r\nX-Checksum: 1\r\nContent-Length: 7\r\n\r\n";
  const std::string next = "GET / HTTP/1.1\r\n";
  for (std::size_t piece = 1; piece <= raw.size() + next.size(); ++piece) {
    const outcome out = decode(raw + next, 100, piece);
    INFO(piece);
    CHECK(out.code == errc::none);
    CHECK(out.complete);
    CHECK(out.taken == raw.size());
    CHECK(out.body == "hello 0123456789");
  }
}

TEST_CASE("a malformed chunked body is refused") {
  const std::vector<refusal> refusals{
      {"a size beyond 64 bits that wraps to 5", "10000000000000005\r\nhello\r\n0\r\n\r\n"},
      {"a size beyond 64 bits that wraps to 0", "10000000000000000\r\n\r\n"},
      {"a size of many digits", std::string(100, 'F') + "\r\nhello\r\n0\r\n\r\n"},
      {"no size", "\r\nhello\r\n0\r\n\r\n"},
      {"an extension without a size", ";a=b\r\nhello\r\n0\r\n\r\n"},
      {"a size with a plus", "+5\r\nhello\r\n0\r\n\r\n"},
      {"a size with a minus", "-5\r\nhello\r\n0\r\n\r\n"},
      {"a size with 0x", "0x5\r\nhello\r\n0\r\n\r\n"},
      {"a size with a space before", " 5\r\nhello\r\n0\r\n\r\n"},
      {"a size with a space behind", "5 \r\nhello\r\n0\r\n\r\n"},
      {"a size with an underscore", "5_\r\nhello\r\n0\r\n\r\n"},
      {"a bare LF after the size", "5\nhello\r\n0\r\n\r\n"},
      {"a bare CR after the size", "5\rhello\r\n0\r\n\r\n"},
      {"a bare LF in an extension", "5;a\nhello\r\n0\r\n\r\n"},
      {"a NUL in an extension", std::string("5;a\0\r\nhello\r\n0\r\n\r\n", 19)},
      {"an extension without a name", "5;\r\nhello\r\n0\r\n\r\n"},
      {"an extension with a space", "5;a b\r\nhello\r\n0\r\n\r\n"},
      {"an extension without its value", "5;a=\r\nhello\r\n0\r\n\r\n"},
      {"an extension with an open quote", "5;a=\"b\r\nhello\r\n0\r\n\r\n"},
      {"an extension with an escaped last quote", "5;a=\"b\\\"\r\nhello\r\n0\r\n\r\n"},
      {"an endless extension", "5;" + std::string(limits::http_chunk_line_bytes_max, 'a')},
      {"a chunk longer than its size", "4\r\nhello\r\n0\r\n\r\n"},
      {"a chunk shorter than its size", "6\r\nhello\r\n0\r\n\r\n"},
      {"a bare LF after the data", "5\r\nhello\n0\r\n\r\n"},
      {"a bare CR after the data", "5\r\nhello\r0\r\n\r\n"},
      {"a trailer without a colon", "0\r\nX\r\n\r\n"},
      {"a trailer with a space before the colon", "0\r\nX : 1\r\n\r\n"},
      {"a folded trailer", "0\r\nX: 1\r\n 2\r\n\r\n"},
      {"a trailer with an empty name", "0\r\n: 1\r\n\r\n"},
      {"a bare LF after a trailer", "0\r\nX: 1\n\r\n"},
      {"a bare LF as the last line", "0\r\n\n"},
      {"a control character in a trailer", "0\r\nX: \x01\r\n\r\n"},
      {"endless trailers", "0\r\nX: " + std::string(limits::http_trailer_bytes_max, 'a')},
  };
  for (const refusal& each : refusals)
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, each.raw.size()}) {
      INFO(each.why << ", in pieces of " << piece);
      CHECK(decode(each.raw, 1'000, piece).code == errc::invalid_request);
    }
}

TEST_CASE("a chunked body that stops early is not complete") {
  const std::string raw = "5\r\nhello\r\n0\r\nX: 1\r\n\r\n";
  for (std::size_t size = 0; size < raw.size(); ++size) {
    const outcome out = decode(raw.substr(0, size), 1'000, 1'000);
    CHECK(out.code == errc::none);
    CHECK_FALSE(out.complete);
  }
}

TEST_CASE("a chunked body may have its limit and not one byte more") {
  CHECK(decode("5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n", 10, 100).body == "helloworld");
  CHECK(decode("5\r\nhello\r\n6\r\n", 10, 100).code == errc::too_large);
  CHECK(decode("B\r\n", 10, 100).code == errc::too_large); // before any of it is here
  CHECK(decode("FFFFFFFFFFFFFFFF\r\n", 10, 100).code == errc::too_large);
  CHECK(decode("A\r\n0123456789\r\n0\r\n\r\n", 10, 1).complete);
}
