// Host, Origin and content types: what a page in somebody's browser could send is told apart.
#include "nodes/http/event_mode.hpp"
#include "nodes/http/host_check.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace skein;

namespace {

const host_rules on_loopback{true, 7411, false, {}};
const host_rules on_all{false, 7411, false, {}};

request_head head_with(std::string_view host, std::string_view origin = {}) {
  request_head head;
  head.authority = host;
  if (!origin.empty())
    head.fields.emplace_back("Origin", origin);
  return head;
}

bool passes(std::string_view host, std::string_view origin, const host_rules& rules = on_loopback) {
  return check_host(head_with(host, origin), rules).ok();
}

result<event_mode> mode_of(header_list fields) {
  request_head head;
  head.fields = std::move(fields);
  return event_mode_of(head);
}

} // namespace

TEST_CASE("on loopback, Host is a loopback name or address with our port") {
  for (const char* host : {"127.0.0.1:7411", "127.8.8.8:7411", "localhost:7411", "LOCALHOST:7411",
                           "a.localhost:7411", "[::1]:7411"})
    CHECK(host_allowed(host, on_loopback));
  for (const char* host : {"",
                           "example.org",
                           "example.org:7411",
                           "127.0.0.1",
                           "127.0.0.1:80",
                           "localhost",
                           "localhost:74110",
                           "localhost:7411x",
                           "localhost:",
                           "localhost:+7411",
                           "xlocalhost:7411",
                           "localhost.example.org:7411",
                           "127.0.0.1.example.org:7411",
                           "10.0.0.1:7411",
                           "0.0.0.0:7411",
                           "[::2]:7411",
                           "[::1:7411",
                           "::1:7411",
                           "[127.0.0.1]:7411",
                           "[]:7411",
                           ":7411",
                           "[::1]7411",
                           "2130706433:7411",
                           "0x7f000001:7411",
                           "127.1:7411"}) {
    INFO(host);
    CHECK_FALSE(host_allowed(host, on_loopback));
  }
}

TEST_CASE("a host without a port means port 80") {
  CHECK(host_allowed("localhost", {true, 80, false, {}}));
  CHECK_FALSE(host_allowed("localhost:7411", {true, 80, false, {}}));
}

TEST_CASE("names in the settings are hosts too, with any port or with theirs") {
  const host_rules rules{true, 7411, false, {"skein.lan", "proxy.lan:8080"}};
  CHECK(host_allowed("skein.lan", rules));
  CHECK(host_allowed("Skein.LAN:443", rules));
  CHECK(host_allowed("proxy.lan:8080", rules));
  CHECK_FALSE(host_allowed("proxy.lan:8081", rules));
  CHECK_FALSE(host_allowed("x.skein.lan", rules));
}

TEST_CASE("bound wider, Host may be any address, but no stranger's name") {
  CHECK(host_allowed("192.168.1.5:7411", on_all));
  CHECK(host_allowed("192.168.1.5", on_all)); // behind a port that was mapped
  CHECK(host_allowed("[fd00::1]:80", on_all));
  CHECK(host_allowed("localhost:7411", on_all));
  CHECK_FALSE(host_allowed("example.org:7411", on_all));
}

TEST_CASE("a foreign Origin is refused, our own is not") {
  CHECK(passes("127.0.0.1:7411", ""));
  CHECK(passes("127.0.0.1:7411", "http://127.0.0.1:7411"));
  CHECK(passes("127.0.0.1:7411", "http://localhost:7411"));
  CHECK(passes("localhost:7411", "https://localhost:7411"));
  for (const char* origin :
       {"null", "http://example.org", "http://example.org:7411", "http://localhost:8080",
        "http://localhost", "file://", "localhost:7411", "chrome-extension://localhost:7411",
        "http://localhost:7411/", "http://localhost:7411@example.org", "http://[::1:7411"}) {
    INFO(origin);
    CHECK_FALSE(passes("127.0.0.1:7411", origin));
  }
  CHECK(passes("192.168.1.5:7411", "http://192.168.1.5:7411", on_all));
  CHECK_FALSE(passes("192.168.1.5:7411", "http://192.168.1.6:7411", on_all));
}

TEST_CASE("a refused host is told what would be right") {
  const auto refused = check_host(head_with("evil\x01.example:7411"), on_loopback);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == errc::forbidden_origin);
  CHECK(refused.error().detail ==
        "Host \"evil?.example:7411\" is not this server. Use 127.0.0.1:7411 or "
        "localhost:7411.");
}

TEST_CASE("only HTTP/1.0 may leave Host away") {
  request_head head;
  CHECK_FALSE(check_host(head, on_loopback).ok());
  head.http_1_0 = true;
  CHECK(check_host(head, on_loopback).ok());
}

TEST_CASE("the mode of a publish is told by its content type, then by its ce- headers") {
  const auto is = [](event_mode wanted, header_list fields) {
    const auto mode = mode_of(std::move(fields));
    return mode.ok() && *mode == wanted;
  };
  using enum event_mode;
  CHECK(is(structured, {{"Content-Type", "application/cloudevents+json"}}));
  CHECK(is(structured, {{"content-type", "Application/CloudEvents+JSON; Charset=\"UTF-8\""}}));
  CHECK(is(structured, {{"Content-Type", "application/cloudevents+json"}, {"ce-id", "1"}}));
  CHECK(is(batch, {{"Content-Type", "application/cloudevents-batch+json;charset=utf-8"}}));
  CHECK(is(binary, {{"Content-Type", "application/json"}, {"CE-SpecVersion", "1.0"}}));
  CHECK(is(binary, {{"Content-Type", "image/png"}, {"ce-id", "1"}}));
  CHECK(is(binary, {{"ce-id", "1"}}));
}

TEST_CASE("a publish of no known content type is refused") {
  for (const header_list& fields :
       {header_list{},
        {{"Content-Type", "application/json"}},
        {{"Content-Type", "text/plain"}},
        {{"Content-Type", "application/x-www-form-urlencoded"}},
        {{"Content-Type", "application/cloudevents+xml"}, {"ce-id", "1"}},
        {{"Content-Type", "application/cloudevents"}, {"ce-id", "1"}},
        {{"Content-Type", "application/cloudevents+json; charset=latin1"}},
        {{"Content-Type", "application/cloudevents+json"}, {"Content-Encoding", "gzip"}},
        {{"ce-source", "/a"}, {"ce-type", "b"}}}) {
    const auto mode = mode_of(fields);
    REQUIRE_FALSE(mode.ok());
    CHECK(mode.error().code == errc::unsupported_media_type);
  }
}

TEST_CASE("a command must say that it is JSON, which no form of a page can") {
  request_head head;
  CHECK_FALSE(check_command_type(head).ok());
  head.fields = {{"Content-Type", "text/plain"}};
  CHECK_FALSE(check_command_type(head).ok());
  head.fields = {{"Content-Type", "application/json; charset=utf-8"}};
  CHECK(check_command_type(head).ok());
}

TEST_CASE("with TLS who names no port means 443, and names of the certificate are the server's") {
  const host_rules rules{false, 443, true, {"skein.example", "*.skein.example"}};
  CHECK(host_allowed("localhost", rules));
  CHECK_FALSE(host_allowed("localhost:80", rules));
  CHECK(host_allowed("Skein.Example", rules));
  CHECK(host_allowed("skein.example:8443", rules));
  CHECK(host_allowed("a.skein.example", rules));
  CHECK_FALSE(host_allowed("a.b.skein.example", rules));
  CHECK_FALSE(host_allowed(".skein.example", rules));
  CHECK_FALSE(host_allowed("evil.example", rules));
  CHECK_FALSE(host_allowed("skein.example.evil", rules));
}
