// Requests made by seed, read by ours and by another parser, which must not disagree.
#include "tests/nodes/http/other_parser.hpp"

#include <catch2/catch.hpp>

#include <random>
#include <string>
#include <vector>

using namespace skein;
using namespace skein::test;

namespace {

const std::vector<std::string> pieces{
    "GET",
    "POST",
    "/",
    "/v1/events?a=b",
    "*",
    "http://a/b",
    " ",
    "  ",
    "HTTP/1.1",
    "HTTP/1.0",
    "\r\n",
    "\r\n\r\n",
    "\n",
    "\r",
    "Host: a",
    "Content-Length: 5",
    "Content-Length: 05",
    "Content-Length: 5,5",
    "Content-Length:",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: gzip",
    "Connection: close",
    "X: 1",
    "X : 1",
    " folded",
    ": ",
    "\t",
    "hello",
    "5\r\nhello\r\n0\r\n\r\n",
    "0\r\n\r\n",
    "Expect: 100-continue",
};

/// Mostly right, then damaged: random bytes alone are refused at the first of them.
std::string make_request(std::mt19937& random) {
  const auto one_of = [&](const std::vector<std::string>& all) {
    return all[random() % all.size()];
  };
  const bool chunked = random() % 3 == 0;
  const std::string body = one_of({"", "hello", "{}"});
  std::string raw = one_of({"GET", "POST", "DELETE"}) + " " +
                    one_of({"/", "/v1/events", "/v1/keys/a%2Fb?limit=5"}) + " " +
                    one_of({"HTTP/1.1", "HTTP/1.1", "HTTP/1.0"}) + "\r\nHost: a\r\n";
  raw += one_of({"", "X-A: \t b c \r\n", "Content-Type: application/json\r\n", "Accept:\r\n"});
  if (chunked)
    raw += "Transfer-Encoding: chunked\r\n\r\n" +
           (body.empty()
                ? ""
                : std::to_string(body.size()) + one_of({"", ";a=b"}) + "\r\n" + body + "\r\n") +
           "0\r\n\r\n";
  else
    raw += (body.empty() ? "" : "Content-Length: " + std::to_string(body.size()) + "\r\n") +
           "\r\n" + body;
  for (auto damages = random() % 3; damages > 0; --damages) {
    const std::size_t at = random() % (raw.size() + 1);
    switch (random() % 3) {
      case 0:
        raw.insert(at, one_of(pieces));
        break;
      case 1:
        raw.erase(at, 1 + random() % 4);
        break;
      default:
        if (at < raw.size())
          raw[at] = static_cast<char>(random());
    }
  }
  return raw;
}

} // namespace

TEST_CASE("what is taken as a request is the same request to another parser") {
  std::mt19937 random{20'260'131};
  std::size_t taken = 0;
  for (int i = 0; i < 200'000; ++i) {
    const std::string raw = make_request(random);
    request_reader ours;
    std::string_view rest = raw;
    while (!rest.empty() &&
           (ours.at() == request_reader::stage::head || ours.at() == request_reader::stage::body)) {
      rest.remove_prefix(ours.feed(rest));
      if (ours.at() == request_reader::stage::headed)
        ours.read_body(1'000);
    }
    if (ours.at() != request_reader::stage::complete)
      continue;
    ++taken;
    INFO(raw);
    CHECK(compare_with_other_parser(ours, {raw.data(), raw.size() - rest.size()}) == "");
  }
  CHECK(taken > 40'000); // else this compares nothing
}
