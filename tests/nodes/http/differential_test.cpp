// Requests made by seed, read by ours and by the parser of Boost.Beast: whatever ours takes, the other must take
// too, and see in it the same method, target, fields and body. (The other is the more lenient one.)
#include <utility>

#include "nodes/http/request_reader.hpp"

#include <boost/beast/http.hpp>
#include <catch2/catch.hpp>

#include <random>
#include <regex>
#include <string>
#include <vector>

using namespace skein;
namespace beast = boost::beast;

namespace {

using other_parser = beast::http::request_parser<beast::http::string_body>;

const std::vector<std::string> pieces{
  "GET",  "POST",        "/",      "/v1/events?a=b", "*",     "http://a/b",        " ",
  "  ",   "HTTP/1.1",    "HTTP/1.0", "\r\n",         "\r\n\r\n", "\n",             "\r",
  "Host: a", "Content-Length: 5", "Content-Length: 05", "Content-Length: 5,5", "Content-Length:",
  "Transfer-Encoding: chunked", "Transfer-Encoding: gzip", "Connection: close", "X: 1", "X : 1",
  " folded", ": ", "\t", "hello", "5\r\nhello\r\n0\r\n\r\n", "0\r\n\r\n", "Expect: 100-continue",
};

/// Mostly right, then damaged: random bytes alone are refused at the first of them.
std::string make_request(std::mt19937& random) {
  const auto one_of = [&](const std::vector<std::string>& all) { return all[random() % all.size()]; };
  const bool chunked = random() % 3 == 0;
  const std::string body = one_of({"", "hello", "{}"});
  std::string raw = one_of({"GET", "POST", "DELETE"}) + " " +
                    one_of({"/", "/v1/events", "/v1/keys/a%2Fb?limit=5"}) + " " +
                    one_of({"HTTP/1.1", "HTTP/1.1", "HTTP/1.0"}) + "\r\nHost: a\r\n";
  raw += one_of({"", "X-A: \t b c \r\n", "Content-Type: application/json\r\n", "Accept:\r\n"});
  if (chunked)
    raw += "Transfer-Encoding: chunked\r\n\r\n" +
           (body.empty() ? "" : std::to_string(body.size()) + one_of({"", ";a=b"}) + "\r\n" + body + "\r\n") +
           "0\r\n\r\n";
  else
    raw += (body.empty() ? "" : "Content-Length: " + std::to_string(body.size()) + "\r\n") + "\r\n" + body;
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

/// The other parser takes trailers for fields, ours drops them: nothing to compare.
bool has_trailers(const request_head& head, std::string_view raw) {
  static const std::regex last_chunk{"\\r\\n0+(;[^\\r\\n]*)?\\r\\n\\r\\n$"};
  return head.chunked && !std::regex_search(raw.begin(), raw.end(), last_chunk);
}

} // namespace

TEST_CASE("what is taken as a request is the same request to another parser") {
  std::mt19937 random{20'260'131};
  std::size_t taken = 0;
  for (int i = 0; i < 200'000; ++i) {
    const std::string raw = make_request(random);
    request_reader ours;
    std::string_view rest = raw;
    while (!rest.empty() && (ours.at() == request_reader::stage::head ||
                             ours.at() == request_reader::stage::body)) {
      rest.remove_prefix(ours.feed(rest));
      if (ours.at() == request_reader::stage::headed)
        ours.read_body(1'000);
    }
    if (ours.at() != request_reader::stage::complete)
      continue;
    const std::size_t size = raw.size() - rest.size();
    if (has_trailers(ours.head(), {raw.data(), size}))
      continue;
    ++taken;
    INFO(raw);
    other_parser other;
    other.eager(true);
    other.header_limit(1 << 20);
    beast::error_code problem;
    // It is given exactly what ours took: it must end there too.
    const std::size_t skipped = raw.starts_with("\r\n") ? 2 : 0;
    const std::size_t used =
      other.put(boost::asio::buffer(raw.data() + skipped, size - skipped), problem);
    REQUIRE_FALSE(problem);
    REQUIRE(used == size - skipped);
    REQUIRE(other.is_done());
    const auto& request = other.get();
    CHECK(std::string_view{request.method_string().data(), request.method_string().size()} ==
          ours.head().method);
    const std::string target{request.target()};
    CHECK(target.ends_with(ours.head().target));
    CHECK(request.body() == ours.body());
    CHECK((request.version() == 10) == ours.head().http_1_0);
    std::size_t fields = 0;
    for (const auto& field : request) {
      ++fields;
      const std::string name{field.name_string()};
      CHECK(std::string{field.value()} == ours.head().field(name));
    }
    CHECK(fields == ours.head().fields.size());
  }
  CHECK(taken > 40'000); // else this compares nothing
}
