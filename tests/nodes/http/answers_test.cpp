// What is answered: problems, the answer to a publish, dates, the stream's text and backlog, caps.
#include "nodes/http/admission.hpp"
#include "nodes/http/http_metrics.hpp"
#include "nodes/http/problem.hpp"
#include "nodes/http/publish_answer.hpp"
#include "nodes/http/sse.hpp"

#include "protocol/cloudevents.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using namespace skein;
using namespace std::chrono_literals;

namespace {

std::vector<slice> bodies_of(const std::vector<std::string>& ids) {
  std::vector<slice> bodies;
  for (const std::string& id : ids) {
    event value;
    value.id = id;
    value.source = "/s";
    value.type = "t";
    bodies.emplace_back(encode_event(value));
  }
  return bodies;
}

publish_result durable(std::uint64_t sequence, bool duplicate = false) {
  return {errc::none, duplicate, {shard_id{17}, sequence}};
}
publish_result refused(errc code) { return {code, false, {}}; }

http_response answered(const std::vector<publish_result>& members, errc code = errc::none) {
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < members.size(); ++i)
    ids.push_back("e" + std::to_string(i));
  publish_reply reply;
  reply.code = code;
  reply.members = members;
  return answer_publish(bodies_of(ids), reply);
}

bool has(const http_response& response, const std::string& text) {
  return response.body.find(text) != std::string::npos;
}

} // namespace

TEST_CASE("a problem is a whole RFC 9457 document") {
  const http_response out =
      make_problem({errc::not_found, "There is no event 1-2"}, {.instance = "/v1/events/1-2"});
  CHECK(out.status == 404);
  CHECK(out.content_type == "application/problem+json");
  CHECK(out.body ==
        R"({"type":"urn:skein:problem:not-found","title":"There is nothing of that name.",)"
        R"("status":404,"code":"not-found","detail":"There is no event 1-2. Check the name.",)"
        R"("try":"Check the name.","instance":"/v1/events/1-2"})");
}

TEST_CASE("every problem that HTTP can return is valid JSON with a status and a detail") {
  for (const errc code : all_errc()) {
    const http_response out = make_problem({code, "Because \"x\"\n\xff."});
    INFO(slug(code));
    CHECK(check_json(out.body).ok());
    CHECK(out.status >= 400);
    CHECK(reason_phrase(out.status) != "Unknown");
    const problem_rule* rule = find_problem_rule(code);
    const errc shown = rule != nullptr ? code : errc::internal;
    CHECK(has(out, "\"code\":\"" + std::string{slug(shown)} + "\""));
    CHECK(out.status == (rule != nullptr ? rule->status : 500));
    // What may pass by itself says when to come again.
    if (out.status == 503 || out.status == 429)
      CHECK(out.retry_after.count() > 0);
  }
}

TEST_CASE("Retry-After is the error's own, rounded up") {
  CHECK(make_problem({errc::draining, ""}, {.retry_after = 1ms}).retry_after == 1s);
  CHECK(make_problem({errc::draining, ""}, {.retry_after = 2'001ms}).retry_after == 3s);
  CHECK(make_problem({errc::draining, ""}).retry_after == 5s);
}

TEST_CASE("a publish that is durable answers exactly its events") {
  const http_response out = answered({durable(42), durable(7, true)});
  CHECK(out.status == 202);
  CHECK(out.content_type == "application/json");
  CHECK(out.body ==
        R"({"accepted":[{"event":"17-42","id":"e0","source":"/s","shard":17,"duplicate":false},)"
        R"({"event":"17-7","id":"e1","source":"/s","shard":17,"duplicate":true}]})");
}

TEST_CASE("a publish with one unknown member is unknown, and names each member's fate") {
  const http_response out =
      answered({durable(1), refused(errc::unknown_outcome), refused(errc::identity_conflict)});
  CHECK(out.status == 500);
  CHECK(has(out, R"("code":"unknown")"));
  CHECK(has(out, R"("accepted":[{"index":0,"event":"17-1","id":"e0","source":"/s","shard":17,)"
                 R"("duplicate":false}])"));
  CHECK(has(out, R"("refused":[{"index":2,"id":"e2","source":"/s","code":"identity-conflict"}])"));
  CHECK(has(out, R"("unknown":[{"index":1,"id":"e1","source":"/s","code":"unknown"}])"));
  CHECK(check_json(out.body).ok());
}

TEST_CASE("an error after the write call is unknown, never a definite no") {
  for (const errc code : {errc::io_error, errc::timed_out, errc::internal}) {
    const http_response out = answered({refused(code)});
    CHECK(out.status == 500);
    CHECK(has(out, R"("refused":[],"unknown":[{"index":0)"));
  }
}

TEST_CASE("a conflict is 409 and names the event that has the identity") {
  const http_response out = answered({{errc::identity_conflict, false, {shard_id{3}, 9}}});
  CHECK(out.status == 409);
  CHECK(has(out, R"("code":"identity-conflict","event":"3-9"})"));
}

TEST_CASE("a refusal of all is the code's status; of some, 503") {
  CHECK(answered({refused(errc::overloaded), refused(errc::overloaded)}).status == 429);
  CHECK(answered({refused(errc::overloaded), durable(1)}).status == 503);
  CHECK(answered({refused(errc::disk_full), refused(errc::identity_conflict)}).status == 503);
  CHECK(answered({refused(errc::identity_conflict), durable(1)}).status == 409);
  CHECK(has(answered({refused(errc::overloaded), refused(errc::not_owner)}, errc::draining),
            R"("code":"draining")"));
}

TEST_CASE("a batch that was accepted in part is no mistake as a whole") {
  for (const errc code : {errc::too_many_deliveries, errc::invalid_time, errc::too_large}) {
    INFO(slug(code));
    const http_response part = answered({refused(code), durable(1)});
    CHECK(part.status == 409);
    CHECK(has(part, "\"status\":409"));
    CHECK(has(part, R"("refused":[{"index":0,"id":"e0","source":"/s","code":")" +
                        std::string{slug(code)} + "\"}]"));
    CHECK(answered({refused(code), refused(code)}).status == status_of(code));
  }
}

TEST_CASE("a refusal without members refuses all of them") {
  publish_reply reply;
  reply.code = errc::draining;
  reply.retry_after = 2s;
  const auto out = answer_publish(bodies_of({"a", "b"}), reply);
  CHECK(out.status == 503);
  CHECK(out.retry_after == 2s);
  CHECK(has(out, R"("refused":[{"index":0,"id":"a","source":"/s","code":"draining"},{"index":1)"));
}

TEST_CASE("a reply that does not fit its request is unknown") {
  CHECK(answer_publish(bodies_of({"a", "b"}), publish_reply{}).status == 500);
}

TEST_CASE("a date is written as HTTP wants it") {
  CHECK(format_http_date(*parse_rfc3339("1994-11-06T08:49:37Z")) ==
        "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(format_http_date(*parse_rfc3339("2024-02-29T23:59:59.999Z")) ==
        "Thu, 29 Feb 2024 23:59:59 GMT");
  CHECK(format_http_date(no_instant) == "Thu, 01 Jan 1970 00:00:00 GMT");
}

TEST_CASE("a stream message cannot break out of its lines") {
  std::string out;
  append_sse(out, {"1.0", "accepted\nevent: x", "{\"a\":1}\r\ndata: y"});
  CHECK(out == "id: 1.0\nevent: accepted event: x\ndata: {\"a\":1}  data: y\n\n");
  out.clear();
  append_sse(out, {"", "reset", "{}"});
  CHECK(out == "event: reset\ndata: {}\n\n");
}

TEST_CASE("a feed wakes its writer once until it has taken") {
  int woken = 0;
  stream_feed feed{1'000, [&] { ++woken; }};
  CHECK(feed.deliver({{"1.0", "a", "x"}}, true) == stream_taken::more);
  CHECK(feed.deliver({{"1.1", "a", "y"}}, true) == stream_taken::more);
  CHECK(woken == 1);
  CHECK(feed.take().text == "id: 1.0\nevent: a\ndata: x\n\nid: 1.1\nevent: a\ndata: y\n\n");
  CHECK(feed.take().text.empty());
  CHECK(feed.deliver({{"1.2", "a", "z"}}, true) == stream_taken::more);
  CHECK(woken == 2);
}

TEST_CASE("a feed holds its backlog, in flight included, then its reader is lagging") {
  const stream_message one{"1.0", "a", std::string(70, 'x')}; // 95 bytes as text
  stream_feed feed{200, [] {}};
  CHECK(feed.deliver({one}, true) == stream_taken::more);
  const auto first = feed.take();
  CHECK(feed.deliver({one}, true) == stream_taken::more);
  CHECK(feed.deliver({one, one}, true) == stream_taken::gone); // 95 in flight, 95 waiting: no room
  const auto rest = feed.take();
  CHECK(rest.lagging);
  CHECK(rest.text == first.text); // what was taken still comes, without a gap
  CHECK(feed.deliver({one}, true) == stream_taken::gone);
  CHECK_FALSE(feed.close()); // the engine was told already
}

TEST_CASE("what was sent makes room in a feed") {
  const stream_message one{"1.0", "a", std::string(70, 'x')};
  stream_feed feed{200, [] {}};
  for (int i = 0; i < 10; ++i) {
    CHECK(feed.deliver({one}, true) == stream_taken::more);
    CHECK_FALSE(feed.sent(feed.take().text.size()));
  }
  CHECK(feed.close());
  CHECK_FALSE(feed.close());
  CHECK(feed.deliver({one}, true) == stream_taken::gone);
}

TEST_CASE("a feed of the past is full at half of its backlog and has room again at a quarter") {
  const stream_message one{"1.0", "a", std::string(70, 'x')}; // 95 bytes as text
  stream_feed feed{400, [] {}};
  CHECK(feed.deliver({one, one}, false) == stream_taken::more);
  CHECK(feed.deliver({one, one, one, one}, false) == stream_taken::full); // never gone
  const std::size_t size = feed.take().text.size();
  CHECK(size == 6 * 95);
  CHECK_FALSE(feed.sent(4 * 95));
  CHECK(feed.sent(95));
  CHECK_FALSE(feed.sent(95)); // told once
  CHECK(feed.deliver({one}, true) == stream_taken::more);
}

TEST_CASE("a message larger than the backlog passes alone, so that a reader can get beyond it") {
  stream_feed feed{100, [] {}};
  const stream_message large{"1.0", "a", std::string(1'000, 'x')};
  CHECK(feed.deliver({large}, true) == stream_taken::more);
  CHECK(feed.deliver({{"1.1", "a", "y"}}, true) == stream_taken::gone);
  CHECK(feed.take().text.size() > 1'000);
}

TEST_CASE("connections beyond the caps are reserved ones, then none") {
  const peer_key here{1};
  admission doors{{6, 2, 100}};
  for (int i = 0; i < 4; ++i)
    CHECK(doors.enter(here) == admitted::normal);
  CHECK(doors.enter(here) == admitted::reserved);
  CHECK(doors.enter(here) == admitted::no); // half of the reserved ones a peer
  CHECK(doors.enter(peer_key{2}) == admitted::reserved);
  CHECK(doors.enter(peer_key{3}) == admitted::no);
  doors.leave(here, admitted::normal);
  CHECK(doors.enter(peer_key{3}) == admitted::normal);
  doors.leave(here, admitted::reserved);
  CHECK(doors.enter(here) == admitted::reserved);
}

TEST_CASE("one peer cannot have more than its share") {
  admission doors{{100, 4, 2}};
  const peer_key here{1};
  CHECK(doors.enter(here) == admitted::normal);
  CHECK(doors.enter(here) == admitted::normal);
  CHECK(doors.enter(here) == admitted::reserved);
  CHECK(doors.enter(here) == admitted::reserved);
  CHECK(doors.enter(here) == admitted::no);
  CHECK(doors.enter(peer_key{2}) == admitted::normal);
}

TEST_CASE("a process that may open few files has room for fewer connections") {
  const admission::caps wanted{4'096, 32, 2'048};
  const auto fitting = [&](std::uint64_t descriptors) {
    const admission::caps caps = admission::fit(wanted, descriptors);
    CHECK(caps.reserved == wanted.reserved);
    return std::pair{caps.total, caps.per_peer};
  };
  using pair = std::pair<std::size_t, std::size_t>;
  CHECK(fitting(1'048'576) == pair{4'096, 2'048});
  CHECK(fitting(4'096 + 256) == pair{4'096, 2'048});
  CHECK(fitting(4'096) == pair{3'840, 1'920});
  CHECK(fitting(1'024) == pair{768, 384});
  CHECK(fitting(100) == pair{64, 32}); // as many for all as are reserved
}

TEST_CASE("the server's own metrics are labelled by route, never by path") {
  http_counters counters;
  counters.responses[{"GET", "/v1/keys/{key}", 200}] = 3;
  std::string text;
  append_http_metrics(text, counters, {5, 1, 2, 1'000, 2'000});
  CHECK(text.find("skein_http_responses_total{method=\"GET\",route=\"/v1/keys/"
                  "{key}\",status=\"200\"} 3\n") != std::string::npos);
  CHECK(text.find("# TYPE skein_http_connections gauge\nskein_http_connections 5\n") !=
        std::string::npos);
}
