// The same connection through TLS: what it carries, whom it lets in, and that a handshake that does
// not end harms nobody.
#include "tests/nodes/http/http_fixture.hpp"
#include "tests/nodes/http/tls_client.hpp"

#include <openssl/ssl.h>

#include <fstream>
#include <sys/stat.h>

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

namespace {

test_authority& authority() {
  static test_authority one;
  return one;
}

http_settings tls_settings() {
  static const pem_pair pair = authority().issue();
  http_settings settings = test_settings();
  settings.tls = {pair.certificate, pair.key, ""};
  return settings;
}

std::string status_line(tls_client& client, const std::string& request) {
  if (!client.send(request))
    return "not sent";
  return client.read_until("\r\n");
}

} // namespace

TEST_CASE("requests go through TLS 1.3 and 1.2, one after the other on one connection") {
  http_fixture fixture{tls_settings()};
  for (const auto& [version, name] :
       {std::pair{TLS1_3_VERSION, "TLSv1.3"}, {TLS1_2_VERSION, "TLSv1.2"}}) {
    tls_client client{fixture.server.port(), authority().certificate(), {}, version};
    REQUIRE(client.connected());
    CHECK(client.version() == name);
    for (int i = 0; i < 3; ++i) {
      REQUIRE(client.send(fixture.get("/healthz")));
      CHECK(client.read_until("\r\n") == "HTTP/1.1 200 OK\r\n");
      CHECK(client.read_until("\r\n\r\nok\n").find("Content-Length: 3") != std::string::npos);
    }
    REQUIRE(client.send(fixture.get("/healthz") + fixture.get("/readyz"))); // in one record
    CHECK_FALSE(client.read_until("ok\n").empty());
    CHECK_FALSE(client.read_until("ready\n").empty());
  }
  for (const int old : {TLS1_VERSION, TLS1_1_VERSION}) {
    const tls_client client{fixture.server.port(), authority().certificate(), {}, old};
    CHECK_FALSE(client.connected());
  }
}

TEST_CASE("large bodies go both ways whole, more than a socket takes at once") {
  http_fixture fixture{tls_settings()};
  std::string big(6 << 20, '\0');
  for (std::size_t i = 0; i < big.size(); ++i)
    big[i] = static_cast<char>('a' + i % 23);
  fixture.node.on_ask = [&](const std::string&, const std::string&) {
    return api_answer{errc::none, "\"" + big + "\""};
  };
  tls_client client{fixture.server.port(), authority().certificate()};
  REQUIRE(client.send(fixture.get("/v1/jobs")));
  CHECK_FALSE(client.read_until("\r\n\r\n").empty());
  CHECK(client.read(big.size() + 2) == "\"" + big + "\"");
  std::string batch = "[";
  for (int i = 0; i < 900; ++i)
    batch += (i == 0 ? "" : ",") +
             event_json(std::to_string(i), R"(,"data":")" + std::string(8'000, 'x') + "\"");
  CHECK(status_line(client, fixture.post_batch(batch + "]")) == "HTTP/1.1 202 Accepted\r\n");
  CHECK(fixture.node.published().size() == 900);
}

TEST_CASE("a stream goes through TLS, and ends with an end that both sides know of") {
  http_fixture fixture{tls_settings()};
  tls_client client{fixture.server.port(), authority().certificate()};
  REQUIRE(client.send(fixture.get("/v1/stream")));
  REQUIRE(fixture.node.wait_for_streams(1));
  CHECK_FALSE(client.read_until("\r\n\r\n").empty());
  for (int i = 0; i < 50; ++i) {
    const std::string number = std::to_string(i);
    fixture.node.emit({{"17." + number, "accepted", "{\"n\":" + number + "}"}});
    CHECK_FALSE(client.read_until("{\"n\":" + number + "}").empty());
  }
  fixture.server.begin_drain();
  CHECK_FALSE(client.read_until("0\r\n\r\n").empty());
  CHECK(client.ends_in_order());
}

TEST_CASE("who speaks no TLS is told so in words, and gets nothing else") {
  http_fixture fixture{tls_settings()};
  raw_client client = fixture.connect();
  const raw_response answer = client.ask(fixture.get("/v1/status"));
  CHECK(answer.status == 400);
  CHECK(answer.code() == "invalid-request");
  CHECK(answer.body.find("https://") != std::string::npos);
  CHECK(answer.field("connection") == "close");
  CHECK(fixture.node.asked().empty());
  raw_client noise = fixture.connect();
  noise.send("\x01\x02\x03\x04 what is this");
  CHECK(noise.read_to_end());
}

TEST_CASE("a handshake that does not end is ended, and meanwhile others are served") {
  http_settings settings = tls_settings();
  settings.handshake_timeout = 2s;
  http_fixture fixture{std::move(settings)};
  std::vector<raw_client> half_open;
  for (int i = 0; i < 40; ++i) {
    half_open.push_back(fixture.connect());
    if (i % 2 == 0) // the beginning of a hello
      half_open.back().send(std::string_view{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11});
  }
  tls_client client{fixture.server.port(), authority().certificate()};
  CHECK(status_line(client, fixture.get("/healthz")) == "HTTP/1.1 200 OK\r\n");
  for (raw_client& each : half_open)
    CHECK(each.read_to_end() == std::string{});
  tls_client other{fixture.server.port(), authority().certificate()};
  REQUIRE(other.send(fixture.get("/metrics")));
  CHECK_FALSE(other.read_until("\nskein_http_bad_handshakes_total 40\n").empty());
}

TEST_CASE("a handshake counts as a connection from its first moment on") {
  http_settings settings = tls_settings();
  settings.connections_max = 6;
  settings.connections_reserved = 4; // half of them for one address
  http_fixture fixture{std::move(settings)};
  const raw_client first = fixture.connect();
  const raw_client second = fixture.connect();
  {
    tls_client reserved{fixture.server.port(), authority().certificate()};
    CHECK(status_line(reserved, fixture.get("/v1/events")).starts_with("HTTP/1.1 503"));
  }
  tls_client health{fixture.server.port(), authority().certificate()};
  CHECK(status_line(health, fixture.get("/healthz")) == "HTTP/1.1 200 OK\r\n");
}

TEST_CASE("where clients need a certificate, one of the authority is let in and no other") {
  test_authority strangers;
  http_settings settings = tls_settings();
  settings.tls.client_ca = authority().certificate();
  http_fixture fixture{std::move(settings)};
  const auto works = [&](const pem_pair& own) {
    tls_client client{fixture.server.port(), authority().certificate(), own};
    return status_line(client, fixture.get("/healthz")) == "HTTP/1.1 200 OK\r\n";
  };
  CHECK(works(authority().issue({.name = "client"})));
  CHECK_FALSE(works({}));
  CHECK_FALSE(works(strangers.issue({.name = "client"})));
  CHECK_FALSE(works(authority().issue({.name = "client", .from = -2h, .to = -1h})));
}

TEST_CASE("a client that knows the authority sees through another server") {
  test_authority others;
  const pem_pair wrong = others.issue();
  const pem_pair old = authority().issue({.from = -2h, .to = -1h});
  const pem_pair elsewhere = authority().issue({.name = "elsewhere.example"});
  for (const pem_pair& each : {wrong, old, elsewhere}) {
    http_settings settings = test_settings();
    settings.tls = {each.certificate, each.key, ""};
    http_fixture fixture{std::move(settings)};
    const tls_client client{fixture.server.port(), authority().certificate()};
    CHECK_FALSE(client.connected());
  }
}

TEST_CASE("a certificate that ends soon, or has ended, is told of at the start") {
  const auto told = [](const pem_pair& pair) {
    std::string log;
    http_settings settings = test_settings();
    settings.tls = {pair.certificate, pair.key, ""};
    settings.log = [&](http_log_level, std::string_view id, const std::string& text) {
      log.append(id).append(" ").append(text).append("\n");
    };
    { http_fixture fixture{std::move(settings)}; }
    return log;
  };
  // By the clock of the fake node, which stands at 2026-01-31T12:00:00Z.
  const auto of_node = from_ns(1'769'860'800'000'000'000).time_since_epoch();
  const auto ahead = std::chrono::duration_cast<std::chrono::seconds>(
      of_node - std::chrono::system_clock::now().time_since_epoch());
  const auto valid_for = [&](std::chrono::seconds time) {
    return authority().issue({.from = ahead - 24h, .to = ahead + time});
  };
  CHECK(told(valid_for(24h * 15)).find("certificate-ends") == std::string::npos);
  CHECK(told(valid_for(24h * 13)).find("certificate-ends The certificate ") != std::string::npos);
  CHECK(told(valid_for(24h * 13)).find("is valid until 2026-02-13T") != std::string::npos);
  CHECK(told(valid_for(-1h)).find("was valid until 2026-01-31T11:") != std::string::npos);
}

TEST_CASE("files that cannot be used are named, with what is wrong") {
  const pem_pair one = authority().issue({.name = "skein.example"});
  const pem_pair two = authority().issue();
  const std::string nothing = authority().folder() + "/nothing";
  const std::string odd = authority().folder() + "/odd";
  std::ofstream{odd} << "this is no certificate";
  const auto problem = [](const tls_files& files) {
    const auto loaded = load_identity(files);
    REQUIRE_FALSE(loaded);
    CHECK(loaded.error().code == errc::invalid_config);
    return loaded.error().detail;
  };
  CHECK(problem({nothing, one.key, ""}) ==
        "The certificate " + nothing + " cannot be used: No such file or directory.");
  CHECK(problem({odd, one.key, ""}).starts_with("The certificate " + odd + " cannot be used: "));
  CHECK(problem({one.certificate, nothing, ""}).starts_with("The key " + nothing));
  CHECK(problem({one.certificate, odd, ""}).starts_with("The key " + odd));
  CHECK(problem({one.certificate, two.key, ""}).find(two.key) != std::string::npos);
  CHECK(problem({one.certificate, one.key, odd}).starts_with("The client_ca " + odd));
  const auto good = load_identity({one.certificate, one.key, ""});
  REQUIRE(good);
  CHECK(good->names == std::vector<std::string>{"skein.example"});
  CHECK(good->not_after > good->not_before);
  CHECK_FALSE(good->key_is_open);
  ::chmod(one.key.c_str(), 0644);
  CHECK(load_identity({one.certificate, one.key, ""})->key_is_open);
}
