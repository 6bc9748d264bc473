// Who may do what: every role at every route, tokens that are no longer valid or never were, and
// what is told of it. The listener of most tests is one that other machines could reach.
#include "tests/nodes/http/http_fixture.hpp"

#include "nodes/access/token_maker.hpp"
#include "nodes/http/routes.hpp"

#include <algorithm>
#include <map>
#include <set>

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

namespace {

const instant now = from_ns(1'769'860'800'000'000'000); // of the fake node

http_settings wide_settings() {
  http_settings settings = test_settings();
  settings.address = "0.0.0.0";
  return settings;
}

struct log_lines {
  std::mutex mutex;
  std::string text;
  void attach(http_settings& settings) {
    settings.log = [this](http_log_level, std::string_view id, const std::string& sentence) {
      const std::lock_guard lock{mutex};
      text.append(id).append(" ").append(sentence).append("\n");
    };
  }
  std::string all() {
    const std::lock_guard lock{mutex};
    return text;
  }
};

struct holders {
  std::map<role, std::string> text;
  std::vector<access_token> tokens;

  std::string add(role may, instant expires = no_instant) {
    const new_token made = make_token(may);
    access_token token;
    token.name = "the-" + std::string{to_text(may)} + std::to_string(tokens.size());
    token.may = may;
    token.digest = made.digest;
    token.expires = expires;
    tokens.push_back(token);
    return text[may] = std::string{made.text.reveal()};
  }
};

std::string bearer(std::string_view token) {
  return "Authorization: Bearer " + std::string{token} + "\r\n";
}

/// With something in the place of {...}.
std::string path_of(const route& at) {
  std::string path{at.pattern};
  if (const auto from = path.find('{'); from != std::string::npos)
    path.replace(from, path.find('}') - from + 1, at.parameter.name == "event" ? "17-42" : "x");
  return path;
}

std::string request_for(const http_fixture& fixture, const route& at, const std::string& fields) {
  if (at.method == "GET")
    return fixture.get(path_of(at), fields + "Connection: close\r\n");
  const bool events = at.body == body_kind::events;
  return fixture.post(path_of(at), events ? "application/cloudevents+json" : "application/json",
                      events ? event_json("1") : "{}", fields + "Connection: close\r\n");
}

/// The head of the answer is enough: a stream does not end.
int status_of(http_fixture& fixture, const std::string& request) {
  raw_client client = fixture.connect();
  client.send(request);
  const std::string head = client.read_until("\r\n");
  return head.size() < 12 ? 0 : std::stoi(head.substr(9, 3));
}

} // namespace

TEST_CASE("each role may ask at the routes that it is for, and at no other") {
  http_fixture fixture{wide_settings()};
  holders who;
  for (const role each : {role::read, role::producer, role::worker, role::admin})
    who.add(each);
  fixture.node.book.write(who.tokens);
  std::size_t pairs = 0;
  for (const route& at : all_routes()) {
    INFO(at.method << " " << at.pattern << " needs " << to_text(at.needs));
    const int nobody = status_of(fixture, request_for(fixture, at, ""));
    CHECK(nobody != 0);
    CHECK((nobody == 401) == (at.needs != role::none));
    for (const auto& [may, token] : who.text) {
      INFO("asked by " << to_text(may));
      const int status = status_of(fixture, request_for(fixture, at, bearer(token)));
      CHECK(status != 0);
      CHECK(status != 401);
      CHECK((status == 403) == !allows(may, at.needs));
      ++pairs;
    }
  }
  CHECK(pairs == 4 * all_routes().size());
  CHECK(fixture.node.published().size() == 2); // of the producer and of the admin
}

TEST_CASE("what each route needs is what it should be") {
  std::set<std::string> of_producers, of_everybody, others;
  for (const route& at : all_routes()) {
    const std::string name = std::string{at.method} + " " + std::string{at.pattern};
    if (at.needs == role::none)
      of_everybody.insert(name);
    else if (at.needs == role::producer)
      of_producers.insert(name);
    else if ((at.method == "GET") != (at.needs == role::read))
      others.insert(name);
    if (at.method == "POST" && at.needs != role::producer) {
      INFO(name);
      CHECK(at.needs == role::admin); // all that changes something
    }
  }
  CHECK(of_everybody == std::set<std::string>{"GET /healthz"});
  CHECK(of_producers == std::set<std::string>{"POST /v1/events"});
  CHECK(others ==
        std::set<std::string>{"GET /v1/audit", "GET /v1/peers", "GET /v1/tokens"}); // admins alone
}

TEST_CASE("on loopback nobody needs a token, but one that is shown must be valid") {
  http_fixture fixture;
  CHECK(fixture.ask(fixture.get("/v1/tokens")).status == 200);
  CHECK(fixture.ask(fixture.post("/v1/events/17-42/cancel", "application/json", "{}")).status ==
        200);
  REQUIRE(fixture.node.callers().size() == 1);
  CHECK(fixture.node.callers()[0].who == "loopback");
  CHECK(fixture.node.callers()[0].from == "127.0.0.1");
  for (const route& at : all_routes()) {
    INFO(at.pattern);
    CHECK(status_of(fixture, request_for(fixture, at, bearer("skn_admin_wrong"))) == 401);
  }
  holders who;
  who.add(role::read);
  fixture.node.book.write(who.tokens);
  const std::string field = bearer(who.text[role::read]);
  CHECK(fixture.ask(fixture.get("/v1/status", field)).status == 200);
  CHECK(fixture.ask(fixture.get("/v1/tokens", field)).status == 403);
}

TEST_CASE("a token that has expired or was revoked is worth nothing from that moment on") {
  http_fixture fixture{wide_settings()};
  holders who;
  const std::string old = who.add(role::admin, now);
  const std::string young = who.add(role::admin, now + 1s);
  fixture.node.book.write(who.tokens);
  CHECK(fixture.ask(fixture.get("/v1/status", bearer(old))).code() == "unauthorized");
  raw_client kept = fixture.connect(); // also on a connection that was let in before
  CHECK(kept.ask(fixture.get("/v1/status", bearer(young))).status == 200);
  fixture.node.book.write({});
  CHECK(kept.ask(fixture.get("/v1/status", bearer(young))).status == 401);
}

TEST_CASE("an open stream ends with the token that opened it, and others go on") {
  http_fixture fixture{wide_settings()};
  holders who;
  const std::string revoked = who.add(role::read);
  const std::string expires = who.add(role::read, now + 60s);
  const std::string stays = who.add(role::read);
  fixture.node.book.write(who.tokens);
  std::vector<raw_client> readers;
  for (const std::string& token : {revoked, expires, stays}) {
    readers.push_back(fixture.connect());
    CHECK(readers.back().ask(fixture.get("/v1/stream", bearer(token))).status == 200);
  }
  REQUIRE(fixture.node.wait_for_streams(3));
  who.tokens.erase(who.tokens.begin());
  fixture.node.book.write(who.tokens);
  CHECK(readers[0].read_to_end() == "0\r\n\r\n");
  CHECK(fixture.node.wait_for_streams(2));
  fixture.node.seconds_gone = 60;
  CHECK(readers[1].read_to_end() == "0\r\n\r\n");
  CHECK(fixture.node.wait_for_streams(1));
  fixture.node.emit({{"5.0", "accepted", "{}"}});
  CHECK(readers[2].read_until("{}\n\n").ends_with("{}\n\n"));
}

TEST_CASE("what is no token is refused whatever form it has, and says how one is shown") {
  http_fixture fixture{wide_settings()};
  holders who;
  const std::string token = who.add(role::admin);
  fixture.node.book.write(who.tokens);
  for (const std::string& value :
       {std::string{"Bearer"}, std::string{"Bearer "}, std::string{}, "Basic " + token, token,
        "Bearer " + token + "x", "Bearer " + token.substr(0, token.size() - 1),
        "Bearer " + token + " " + token, "Bearer x" + token.substr(1), std::string{"Bearer \xff"},
        "Bearer " + std::string(8'000, 'a')}) {
    INFO(value.substr(0, 80));
    const auto answer = fixture.ask(fixture.get("/v1/status", "Authorization: " + value + "\r\n"));
    CHECK(answer.status == 401);
    CHECK(answer.code() == "unauthorized");
    CHECK(answer.field("www-authenticate") == R"(Bearer realm="skein", error="invalid_token")");
  }
  const auto none = fixture.ask(fixture.get("/v1/status"));
  CHECK(none.field("www-authenticate") == R"(Bearer realm="skein")");
  CHECK(none.body.find("skein token create") != std::string::npos);
  CHECK(fixture.ask(fixture.get("/v1/status", "authorization: bearer " + token + "\r\n")).status ==
        200);
  const std::string twice = bearer(token) + bearer(token);
  CHECK(fixture.ask(fixture.get("/v1/status", twice)).status != 200);
  CHECK(fixture.ask(fixture.get("/v1/status?token=" + token)).status == 401);
}

TEST_CASE("who may not do something is told which role it takes") {
  http_fixture fixture{wide_settings()};
  holders who;
  who.add(role::read);
  fixture.node.book.write(who.tokens);
  const auto answer =
      fixture.ask(fixture.post("/v1/jobs", "application/json", "{}", bearer(who.text[role::read])));
  CHECK(answer.status == 403);
  CHECK(answer.code() == "forbidden");
  CHECK(answer.field("www-authenticate").empty());
  CHECK(answer.body.find("This needs the role admin; the token the-read0 has the role read.") !=
        std::string::npos);
  CHECK(fixture.node.asked().empty());
}

TEST_CASE("the caller of a change is who showed the token") {
  http_fixture fixture{wide_settings()};
  holders who;
  const std::string field = bearer(who.add(role::admin));
  fixture.node.book.write(who.tokens);
  CHECK(fixture.ask(fixture.post("/v1/jobs/x/pause", "application/json", "{}", field)).status ==
        200);
  REQUIRE(fixture.node.callers().size() == 1);
  CHECK(fixture.node.callers()[0].who == "the-admin0");
  CHECK(fixture.node.callers()[0].from == "127.0.0.1");
}

TEST_CASE("a token is made here and told once; the engine gets its digest") {
  http_fixture fixture;
  const auto made = fixture.ask(
      fixture.post("/v1/tokens", "application/json", R"({"role":"producer","name":"shop"})"));
  CHECK(made.status == 201);
  const std::size_t at = made.body.find("\"token\":\"");
  REQUIRE(at != std::string::npos);
  const std::string token = made.body.substr(at + 9, made.body.find('"', at + 9) - at - 9);
  CHECK(token.starts_with("skn_producer_"));
  CHECK(token.size() == 13 + 43);
  REQUIRE(fixture.node.asked().size() == 1);
  const auto [operation, arguments] = fixture.node.asked()[0];
  CHECK(operation == "token.create");
  CHECK(arguments.find(to_hex(digest_of(token))) != std::string::npos);
  CHECK(arguments.find(token) == std::string::npos);
  CHECK(arguments.find("\"prefix\":\"" + token.substr(0, 19) + "\"") != std::string::npos);
  const auto second =
      fixture.ask(fixture.post("/v1/tokens", "application/json", R"({"role":"producer"})"));
  CHECK(second.body.find(token) == std::string::npos);
  for (const char* wrong :
       {R"({})", R"({"role":"none"})", R"({"role":"root"})", R"({"role":1})",
        R"({"role":"read","expires_in":"0s"})", R"({"role":"read","digest":"00"})"}) {
    INFO(wrong);
    CHECK(fixture.ask(fixture.post("/v1/tokens", "application/json", wrong)).status == 400);
  }
}

TEST_CASE("refusals are counted, and told at a bounded pace without what was shown") {
  log_lines lines;
  http_settings settings = wide_settings();
  lines.attach(settings);
  http_fixture fixture{std::move(settings)};
  holders who;
  const std::string reader = who.add(role::read);
  fixture.node.book.write(who.tokens);
  const std::string canary = "skn_admin_canary-0123456789";
  for (int i = 0; i < 20; ++i)
    CHECK(fixture.ask(fixture.get("/v1/status", bearer(canary))).status == 401);
  CHECK(fixture.ask(fixture.get("/v1/tokens", bearer(reader))).status == 403);
  const auto page = fixture.ask(fixture.get("/metrics", bearer(reader)));
  CHECK(page.body.find("\nskein_http_unauthorized_total 20\n") != std::string::npos);
  CHECK(page.body.find("\nskein_http_forbidden_total 1\n") != std::string::npos);
  const std::string log = lines.all();
  CHECK(log.find("http-unauthorized A request from 127.0.0.1 was refused") != std::string::npos);
  CHECK(std::count(log.begin(), log.end(), '\n') == 3); // a line each, and that it listens
  for (const std::string& secret : {canary, reader}) {
    CHECK(log.find(secret) == std::string::npos);
    CHECK(page.body.find(secret) == std::string::npos);
  }
}

TEST_CASE("tokens are long, different, and of letters that need no quotes") {
  std::set<std::string> seen;
  for (int i = 0; i < 200; ++i) {
    const new_token made = make_token(role::worker);
    const std::string text{made.text.reveal()};
    CHECK(text.size() == 11 + 43);
    CHECK(text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-"
                                 "_") == std::string::npos);
    CHECK(made.digest == digest_of(text));
    seen.insert(text);
  }
  CHECK(seen.size() == 200);
  CHECK(to_hex(digest_of("abc")) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}
