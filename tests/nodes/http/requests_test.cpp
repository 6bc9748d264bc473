// Each route over a real socket: what the engine is asked, and what the client is told.
#include "tests/nodes/http/http_fixture.hpp"

#include "nodes/http/routes.hpp"
#include "protocol/cloudevents.hpp"

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

namespace {

using asked_pair = std::pair<std::string, std::string>;

/// What the engine was asked for by this one request.
asked_pair asked_by(http_fixture& fixture, const std::string& request) {
  CHECK(fixture.ask(request).status == 200);
  const auto asked = fixture.node.asked();
  REQUIRE_FALSE(asked.empty());
  return asked.back();
}

} // namespace

TEST_CASE("a structured event is published and acknowledged with its number") {
  http_fixture fixture;
  const raw_response out = fixture.ask(
      fixture.post_event(event_json("a\\\"b", R"(,"partitionkey":"k","data":{"n":1})")));
  CHECK(out.status == 202);
  CHECK(out.field("content-type") == "application/json");
  CHECK(out.field("connection").empty());
  CHECK(out.field("date") == "Sat, 31 Jan 2026 12:00:00 GMT");
  CHECK(out.field("cache-control") == "no-store");
  CHECK(out.field("x-content-type-options") == "nosniff");
  REQUIRE(fixture.node.published().size() == 1);
  const offered_event offered = fixture.node.published().front();
  CHECK(offered.head().key == "k");
  const std::string shard = std::to_string(raw(offered.shard));
  CHECK(out.body == R"({"accepted":[{"event":")" + shard +
                        R"(-1","id":"a\"b","source":"/test","shard":)" + shard +
                        R"(,"duplicate":false}]})");
}

TEST_CASE("a batch is published in one call, in its order") {
  http_fixture fixture;
  const raw_response out =
      fixture.ask(fixture.post_batch("[" + event_json("1") + "," + event_json("2") + "]"));
  CHECK(out.status == 202);
  CHECK(fixture.node.publishes() == 1);
  REQUIRE(fixture.node.published().size() == 2);
  CHECK(fixture.node.published()[0].head().id == "1");
  CHECK(fixture.node.published()[1].head().id == "2");
  CHECK(out.body.find("\"id\":\"1\"") < out.body.find("\"id\":\"2\""));
}

TEST_CASE("a binary event takes its attributes from the headers") {
  http_fixture fixture;
  const raw_response out = fixture.ask(
      fixture.post("/v1/events", "application/json", R"({"a":1})",
                   "CE-SpecVersion: 1.0\r\nce-id: b1\r\nCe-Source: /bin\r\nce-type: t\r\n"
                   "ce-partitionkey: caf%C3%A9\r\n"));
  CHECK(out.status == 202);
  REQUIRE(fixture.node.published().size() == 1);
  const auto value = decode_event(fixture.node.published().front().body.view());
  REQUIRE(value.ok());
  CHECK(value->source == "/bin");
  CHECK(value->key() == "caf\xc3\xa9");
  CHECK(value->data == R"({"a":1})");
  CHECK(value->kind == data_kind::json);
}

TEST_CASE("a batch with one malformed member is refused whole, and names it") {
  http_fixture fixture;
  for (const char* member :
       {R"({"specversion":"1.0"})", "5",
        R"({"specversion":"1.0","id":"x","source":"/s","type":"t","due":"never"})"}) {
    const raw_response out = fixture.ask(
        fixture.post_batch("[" + event_json("0") + "," + event_json("1") + "," + member + "]"));
    INFO(out.body);
    CHECK(out.status == 400);
    CHECK(out.field("content-type") == "application/problem+json");
    CHECK(out.body.find("event 2: ") != std::string::npos);
  }
  CHECK(fixture.node.publishes() == 0);
}

TEST_CASE("each wrong publish has its code") {
  http_fixture fixture;
  const auto code = [&](const std::string& request) {
    const raw_response out = fixture.ask(request);
    return std::to_string(out.status) + " " + out.code();
  };
  CHECK(code(fixture.post_event("{")) == "400 invalid-json");
  CHECK(code(fixture.post_event("")) == "400 invalid-json");
  CHECK(code(fixture.post_event("{}")) == "400 invalid-event");
  const std::string of_job =
      R"({"specversion":"1.0","id":"a@2026","source":"skein/job/a","type":"skein.job"})";
  CHECK(code(fixture.post_event(of_job)) == "400 invalid-event");
  CHECK(code(fixture.post_batch("[" + event_json("1") + "," + of_job + "]")) ==
        "400 invalid-event");
  CHECK(code(fixture.post_event(event_json("1", R"(,"due":"tomorrow")"))) == "400 invalid-time");
  CHECK(code(fixture.post_event(event_json("1", R"(,"data":)" + std::string(40, '[') +
                                                    std::string(40, ']')))) == "400 too-deep");
  CHECK(code(fixture.post_event(event_json("1", R"(,"skeinhops":"65")"))) == "400 too-many-hops");
  CHECK(code(fixture.post("/v1/events", "application/json", event_json("1"))) ==
        "415 unsupported-media-type");
  CHECK(code(fixture.post_event(event_json("1"), "?wait=61s")) == "400 invalid-argument");
  CHECK(code(fixture.post_event(event_json("1"), "?wiat=1s")) == "400 invalid-argument");
  CHECK(code(fixture.post_batch("[" + event_json("1") + "]", "?wait=1s")) ==
        "400 invalid-argument");
  std::string many = "[" + event_json("0");
  for (std::size_t i = 1; i <= limits::batch_events_max; ++i)
    many += "," + event_json(std::to_string(i));
  CHECK(code(fixture.post_batch(many + "]")) == "413 batch-too-large");
  CHECK(fixture.node.publishes() == 0);
}

TEST_CASE("what the engine refuses is told with its time to come again") {
  http_fixture fixture;
  fixture.node.on_publish = [](const std::vector<offered_event>& events) {
    publish_reply reply;
    reply.code = errc::disk_full;
    reply.detail = "The disk has 10 MB left.";
    reply.retry_after = 7s;
    reply.members.assign(events.size(), {errc::disk_full, false, {}});
    return reply;
  };
  const raw_response out = fixture.ask(fixture.post_event(event_json("1")));
  CHECK(out.status == 503);
  CHECK(out.code() == "disk-full");
  CHECK(out.field("retry-after") == "7");
  CHECK(out.body.find("The disk has 10 MB left.") != std::string::npos);
  CHECK(out.body.find(R"("refused":[{"index":0,"id":"1","source":"/test","code":"disk-full"}])") !=
        std::string::npos);
}

TEST_CASE("an acknowledgement waits for the engine's word") {
  http_fixture fixture;
  fixture.node.holds_publishes = true;
  raw_client client = fixture.connect();
  client.send(fixture.post_event(event_json("1")));
  REQUIRE(fixture.node.wait_for_publishes(1));
  client.patience = 50ms;
  CHECK(client.read().status == 0);
  client.patience = 10s;
  fixture.node.release_publishes();
  CHECK(client.read().status == 202);
}

TEST_CASE("a publish that waits answers with the outcome once it is there") {
  http_fixture fixture;
  fixture.node.holds_waits = true;
  fixture.node.on_ask = [](const std::string&, const std::string& arguments) {
    return api_answer{errc::none, R"({"state":"dead","asked":)" + arguments + "}"};
  };
  raw_client client = fixture.connect();
  client.send(fixture.post_event(event_json("1"), "?wait=10s"));
  REQUIRE(fixture.node.wait_for_waits(1));
  CHECK(fixture.node.waits().front().second == duration{10s});
  fixture.node.release_waits(true);
  const raw_response out = client.read();
  CHECK(out.status == 200);
  const std::string event = to_string(fixture.node.waits().front().first);
  CHECK(out.body == R"({"state":"dead","asked":{"event":")" + event + R"("}})");
  CHECK(fixture.node.asked().front().first == "event.describe");
}

TEST_CASE("a publish that waits in vain is accepted all the same") {
  http_fixture fixture;
  fixture.node.wait_answer = false;
  raw_response out = fixture.ask(fixture.post_event(event_json("1"), "?wait=1s"));
  CHECK(out.status == 202);
  CHECK(out.body.starts_with(R"({"accepted":[{"event":)"));
  fixture.node.wait_answer = true;
  fixture.node.on_ask = [](const std::string&, const std::string&) {
    return api_answer{errc::timed_out, "The loop did not answer."};
  };
  out = fixture.ask(fixture.post_event(event_json("2"), "?wait=1s"));
  CHECK(out.status == 202);
}

TEST_CASE("a look-up that waits answers once the event has ended, or the time is up") {
  http_fixture fixture;
  fixture.node.holds_waits = true;
  const bool ended = GENERATE(true, false);
  raw_client client = fixture.connect();
  client.send(fixture.get("/v1/events/17-42?wait=10s"));
  REQUIRE(fixture.node.wait_for_waits(1));
  CHECK(fixture.node.waits().front() == std::pair{*parse_event_id("17-42"), duration{10s}});
  CHECK(fixture.node.asked().empty());
  fixture.node.release_waits(ended);
  CHECK(client.read().status == 200);
  CHECK(fixture.node.asked() == std::vector<std::pair<std::string, std::string>>{
                                    {"event.describe", R"({"event":"17-42"})"}});
}

TEST_CASE("a publish that is refused does not wait") {
  http_fixture fixture;
  fixture.node.on_publish = [](const std::vector<offered_event>&) {
    return publish_reply{errc::identity_conflict, "", {}, {{errc::identity_conflict, false, {}}}};
  };
  CHECK(fixture.ask(fixture.post_event(event_json("1"), "?wait=1s")).status == 409);
  CHECK(fixture.node.waits().empty());
}

TEST_CASE("each look-up asks for its operation with its arguments") {
  http_fixture fixture;
  const auto asked = [&](const std::string& target) {
    return asked_by(fixture, fixture.get(target));
  };
  CHECK(asked("/v1/events/17-42") == asked_pair{"event.describe", R"({"event":"17-42"})"});
  CHECK(asked("/v1/events") == asked_pair{"event.list", "{}"});
  CHECK(
      asked("/v1/events?source=%2Fs&id=a%22b&key=k&type=t&state=dead&agent=bot&limit=7&after=99") ==
      asked_pair{"event.list", R"({"source":"/s","id":"a\"b","key":"k","type":"t","state":"dead",)"
                               R"("agent":"bot","limit":7,"after":"99"})"});
  CHECK(asked("/v1/events?since=-1h&until=2026-08-16T09%3A00%3A00%2B02%3A00") ==
        asked_pair{"event.list", R"({"since":"-1h","until":"2026-08-16T09:00:00+02:00"})"});
  CHECK(asked("/v1/dead?agent=bot&limit=1") ==
        asked_pair{"dead.list", R"({"agent":"bot","limit":1})"});
  CHECK(asked("/v1/dead?limit=007") == asked_pair{"dead.list", R"({"limit":7})"});
  CHECK(asked("/v1/dead/3-4") == asked_pair{"dead.show", R"({"event":"3-4"})"});
  CHECK(asked("/v1/jobs/a/history?limit=2&after=7") ==
        asked_pair{"job.history", R"({"job":"a","limit":2,"after":"7"})"});
  CHECK(asked("/v1/agents") == asked_pair{"agent.list", "{}"});
  CHECK(asked("/v1/agents/bot") == asked_pair{"agent.describe", R"({"agent":"bot"})"});
  CHECK(asked("/v1/keys/chat%2F1%20%C3%A4+") ==
        asked_pair{"key.describe", "{\"key\":\"chat/1 \xc3\xa4+\"}"});
  CHECK(asked("/v1/lanes?agent=bot&limit=2&after=0.7") ==
        asked_pair{"lane.list", R"({"agent":"bot","limit":2,"after":"0.7"})"});
  CHECK(asked("/v1/jobs") == asked_pair{"job.list", "{}"});
  CHECK(asked("/v1/job-graph") == asked_pair{"job.graph", "{}"});
  CHECK(asked("/v1/jobs/graph") == asked_pair{"job.describe", R"({"job":"graph"})"});
  CHECK(asked("/v1/jobs/a/next?limit=3") == asked_pair{"job.next", R"({"job":"a","limit":3})"});
  CHECK(asked("/v1/jobs/a/history?limit=10") ==
        asked_pair{"job.history", R"({"job":"a","limit":10})"});
  CHECK(asked("/v1/jobs/a/explain?at=2026-08-16T09:00%2B02:00") ==
        asked_pair{"job.explain", R"({"job":"a","at":"2026-08-16T09:00+02:00"})"});
  CHECK(asked("/v1/loops") == asked_pair{"loop.list", "{}"});
  CHECK(asked("/v1/peers") == asked_pair{"peer.list", "{}"});
  CHECK(asked("/v1/status") == asked_pair{"status", "{}"});
}

TEST_CASE("a command is a POST of JSON without arguments") {
  http_fixture fixture;
  const auto cancel = [&](const std::string& type, const std::string& body) {
    return fixture.ask(fixture.post("/v1/events/17-42/cancel", type, body));
  };
  CHECK(asked_by(fixture, fixture.post("/v1/events/17-42/cancel", "application/json", "")) ==
        asked_pair{"event.cancel", R"({"event":"17-42"})"});
  CHECK(cancel("application/json", " { } \n").status == 200);
  CHECK(cancel("application/json", R"({"now":true})").code() == "invalid-argument");
  CHECK(cancel("text/plain", "").code() == "unsupported-media-type");
  CHECK(fixture.ask("POST /v1/events/17-42/cancel HTTP/1.1\r\n" + fixture.host() + "\r\n").status ==
        415);
  CHECK(fixture.node.asked().size() == 2);
}

TEST_CASE("a command's members reach the engine as they were written") {
  http_fixture fixture;
  const auto asked = [&](const std::string& target, const std::string& body) {
    return asked_by(fixture, fixture.post(target, "application/json", body));
  };
  const std::string numbers = R"({"data": [1e400, 0.10 , 12345678901234567890]})";
  CHECK(asked("/v1/jobs/a%20b/edit", R"({ "by" : "me", "definition" : )" + numbers + " }") ==
        asked_pair{"job.edit", R"({"job":"a b","by":"me","definition":)" + numbers + "}"});
  CHECK(asked("/v1/peers", R"({"peer":"n2","key":"k","dry_run":true})") ==
        asked_pair{"peer.allow", R"({"peer":"n2","key":"k","dry_run":true})"});
  CHECK(asked("/v1/peers/n2/revoke", "") == asked_pair{"peer.revoke", R"({"peer":"n2"})"});
  CHECK(asked("/v1/jobs/a/pause", R"({"why":"a \"test\""})") ==
        asked_pair{"job.pause", R"({"job":"a","why":"a \"test\""})"});
  CHECK(asked("/v1/jobs/a/resume", "") == asked_pair{"job.resume", R"({"job":"a"})"});
  CHECK(asked("/v1/jobs/a/trigger", "{}") == asked_pair{"job.trigger", R"({"job":"a"})"});
  CHECK(asked("/v1/jobs/a/delete", R"({"by":"me"})") ==
        asked_pair{"job.delete", R"({"job":"a","by":"me"})"});
  CHECK(asked("/v1/jobs/a/backfill", R"({"from":"2026-01-01","to":"2026-01-02"})") ==
        asked_pair{"job.backfill", R"({"job":"a","from":"2026-01-01","to":"2026-01-02"})"});
}

TEST_CASE("what is created is answered with 201, and a dry run with 200") {
  http_fixture fixture;
  const auto status = [&](const std::string& target, const std::string& body) {
    return fixture.ask(fixture.post(target, "application/json", body)).status;
  };
  CHECK(status("/v1/jobs", R"({"job":"a","definition":{"every":"1h"}})") == 201);
  CHECK(status("/v1/jobs", R"({"job":"a","definition":{"every":"1h"},"dry_run":false})") == 201);
  CHECK(status("/v1/jobs", R"({"job":"a","definition":{"every":"1h"},"dry_run":true})") == 200);
  CHECK(status("/v1/jobs/a/edit", R"({"definition":{"every":"1h"}})") == 200);
  const std::string much(limits::job_data_bytes_max, 'x');
  CHECK(status("/v1/jobs", R"({"job":"a","definition":{"every":"1h","data":")" + much + R"("}})") ==
        201);
  CHECK(status("/v1/jobs/a/pause", R"({"why":")" + much + R"("})") == 413);
}

TEST_CASE("a command with a wrong body is refused before the engine is asked") {
  http_fixture fixture;
  const auto code = [&](const std::string& target, const std::string& body) {
    return fixture.ask(fixture.post(target, "application/json", body)).code();
  };
  CHECK(code("/v1/jobs", R"({"name":"a"})") == "invalid-argument");
  CHECK(code("/v1/jobs", R"({"job":1})") == "invalid-argument");
  CHECK(code("/v1/jobs", R"({"job":"a","definition":"every 1h"})") == "invalid-argument");
  CHECK(code("/v1/jobs", R"({"job":"a","dry_run":"yes"})") == "invalid-argument");
  CHECK(code("/v1/jobs", R"({"job":"a","job":"b"})") == "invalid-json");
  for (const char* other : {"[]", "null", "\"a\"", " 7 "})
    CHECK(code("/v1/jobs", other) == "invalid-argument");
  CHECK(code("/v1/jobs", "[") == "invalid-json");
  CHECK(code("/v1/jobs", R"({"job":"a"} x)") == "invalid-json");
  CHECK(code("/v1/jobs/a/pause", R"({"why":""})") == "invalid-argument");
  CHECK(code("/v1/jobs/a/trigger", R"({"job":"b"})") == "invalid-argument");
  CHECK(fixture.ask(fixture.post("/v1/jobs", "text/plain", "{}")).code() ==
        "unsupported-media-type");
  CHECK(fixture.ask(fixture.get("/v1/jobs/a/next?limit=0")).code() == "invalid-argument");
  CHECK(fixture.node.asked().empty());
}

TEST_CASE("an answer of the engine that is an error is a problem about its path") {
  http_fixture fixture;
  for (const errc code :
       {errc::not_found, errc::state_conflict, errc::timed_out, errc::overloaded}) {
    fixture.node.on_ask = [code](const std::string&, const std::string&) {
      return api_answer{code, "There is no event 1-2."};
    };
    const raw_response out = fixture.ask(fixture.get("/v1/events/1-2?"));
    CHECK(out.code() == slug(code));
    CHECK(out.body.find("There is no event 1-2.") != std::string::npos);
    CHECK(out.body.find(R"("instance":"/v1/events/1-2")") != std::string::npos);
  }
}

TEST_CASE("health, readiness and metrics are plain text") {
  http_fixture fixture;
  raw_response out = fixture.ask(fixture.get("/healthz"));
  CHECK(out.status == 200);
  CHECK(out.body == "ok\n");
  CHECK(fixture.ask(fixture.get("/readyz")).body == "ready\n");
  out = fixture.ask(fixture.get("/metrics"));
  CHECK(out.field("content-type") == "text/plain; version=0.0.4; charset=utf-8");
  CHECK(out.body.starts_with("# TYPE fake gauge\nfake 1\n"));
  CHECK(out.body.find(
            R"(skein_http_responses_total{method="GET",route="/healthz",status="200"} 1)") !=
        std::string::npos);
  for (const errc because : {errc::not_ready, errc::store_refuses, errc::store_stuck}) {
    fixture.node.unready = because;
    out = fixture.ask(fixture.get("/readyz"));
    CHECK(out.status == 503);
    CHECK(out.code() == slug(because));
    CHECK_FALSE(out.field("retry-after").empty());
  }
}

TEST_CASE("a wrong path, method or argument is told and the connection is kept") {
  http_fixture fixture;
  raw_client client = fixture.connect();
  CHECK(client.ask(fixture.get("/v1/nothing")).code() == "not-found");
  CHECK(client.ask(fixture.get("/v1/events/17")).code() == "invalid-argument");
  CHECK(client.ask(fixture.get("/v1/agents?x=1")).code() == "invalid-argument");
  CHECK(client.ask(fixture.get("/v1/keys/%ff")).code() == "invalid-argument");
  const raw_response out = client.ask("DELETE /v1/events HTTP/1.1\r\n" + fixture.host() + "\r\n");
  CHECK(out.status == 405);
  CHECK(out.code() == "method-not-allowed");
  CHECK(out.field("allow") == "POST, GET, HEAD");
  CHECK(client.ask("OPTIONS * HTTP/1.1\r\n" + fixture.host() + "\r\n").status == 404);
  CHECK(client.ask(fixture.post("/v1/status", "text/plain", "x")).status ==
        405); // its body is read away
  CHECK(client.ask(fixture.get("/healthz")).status == 200);
}

TEST_CASE("a HEAD is a GET without the body") {
  http_fixture fixture;
  raw_client client = fixture.connect();
  for (const char* target : {"/healthz", "/v1/status", "/v1/nothing", "/metrics"}) {
    const raw_response full = client.ask(fixture.get(target));
    std::string request = fixture.get(target);
    request.replace(0, 3, "HEAD");
    const raw_response head = client.ask(request, true);
    CHECK(head.status == full.status);
    CHECK(head.field("content-type") == full.field("content-type"));
    if (std::string_view{target} != "/metrics") // which counts itself
      CHECK(head.field("content-length") == full.field("content-length"));
  }
  const raw_response stream =
      client.ask("HEAD /v1/stream HTTP/1.1\r\n" + fixture.host() + "\r\n", true);
  CHECK(stream.field("content-type") == "text/event-stream");
  CHECK(client.ask(fixture.get("/healthz")).body == "ok\n");
}

TEST_CASE("a foreign Host or Origin is refused before anything else is looked at") {
  http_fixture fixture;
  const std::string port = std::to_string(fixture.server.port());
  CHECK(fixture.ask("GET /healthz HTTP/1.1\r\nHost: evil.example:" + port + "\r\n\r\n").code() ==
        "forbidden-origin");
  CHECK(fixture.ask("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n").status == 403);
  CHECK(fixture.ask(fixture.get("/nothing", "Origin: http://evil.example\r\n")).code() ==
        "forbidden-origin");
  const raw_response out =
      fixture.ask(fixture.post("/v1/events", "application/cloudevents+json", event_json("1"),
                               "Origin: http://evil.example\r\n"));
  CHECK(out.status == 403);
  CHECK(fixture.node.publishes() == 0);
  CHECK(fixture.ask(fixture.get("/healthz", "Origin: http://localhost:" + port + "\r\n")).status ==
        200);
}

TEST_CASE("HTTP/1.0 is answered and closed, or kept when it asks for that") {
  http_fixture fixture;
  raw_client client = fixture.connect();
  raw_response out = client.ask("GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  CHECK(out.status == 200);
  CHECK(out.field("connection") == "keep-alive");
  out = client.ask("GET /healthz HTTP/1.0\r\n\r\n");
  CHECK(out.field("connection") == "close");
  CHECK(client.read_to_end() == "");
}

TEST_CASE("pipelined requests get one response each, in their order") {
  http_fixture fixture;
  std::string requests;
  for (int i = 0; i < 100; ++i) {
    requests += fixture.get("/v1/keys/k" + std::to_string(i));
    requests += fixture.post_event(event_json(std::to_string(i)));
    requests += fixture.get("/healthz");
  }
  requests += fixture.get("/healthz", "Connection: close\r\n") + fixture.get("/healthz");
  raw_client client = fixture.connect();
  REQUIRE(client.send(requests));
  for (int i = 0; i < 100; ++i) {
    CHECK(client.read().body.find("\"k" + std::to_string(i) + "\"") != std::string::npos);
    CHECK(client.read().body.find("\"id\":\"" + std::to_string(i) + "\"") != std::string::npos);
    CHECK(client.read().body == "ok\n");
  }
  CHECK(client.read().field("connection") == "close");
  CHECK(client.read_to_end() == ""); // the one behind the close is not served
}

TEST_CASE("a request in single bytes is the same request") {
  http_fixture fixture;
  raw_client client = fixture.connect();
  for (const char byte : fixture.post_event(event_json("1")))
    REQUIRE(client.send({&byte, 1}));
  CHECK(client.read().status == 202);
}

TEST_CASE("a client that asks is told to continue, and one that is refused is not") {
  http_fixture fixture;
  const std::string body = event_json("1");
  const auto head = [&](const std::string& type, std::size_t size) {
    return "POST /v1/events HTTP/1.1\r\n" + fixture.host() + "Content-Type: " + type +
           "\r\nExpect: 100-continue\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n";
  };
  raw_client client = fixture.connect();
  CHECK(client.ask(head("application/cloudevents+json", body.size())).status == 100);
  CHECK(client.ask(body).status == 202);
  client.send(head("application/cloudevents+json", body.size()) +
              body); // did not wait: needs no 100
  CHECK(client.read().status == 202);
  CHECK(client.ask(head("text/plain", 5)).status == 415);
  CHECK(client.read_to_end() == "");
  CHECK(fixture.ask(head("application/cloudevents+json", 9 << 20)).status == 413);
}

TEST_CASE("a client that leaves while the engine works is forgotten, and the answer with it") {
  http_fixture fixture;
  fixture.node.holds_publishes = true;
  {
    raw_client client = fixture.connect();
    client.send(fixture.post_event(event_json("1")));
    REQUIRE(fixture.node.wait_for_publishes(1));
    client.reset();
  }
  fixture.node.release_publishes();
  fixture.node.holds_publishes = false;
  CHECK(fixture.ask(fixture.post_event(event_json("2"))).status == 202);
}

TEST_CASE("a client that has said all it will say still gets its answer") {
  http_fixture fixture;
  raw_client client = fixture.connect();
  client.send(fixture.post_event(event_json("1")));
  client.half_close();
  CHECK(client.read().status == 202);
  raw_client cut = fixture.connect();
  cut.send("GET /healthz HTTP/1.1\r\n");
  cut.half_close();
  CHECK(cut.read().code() == "invalid-request");
}
