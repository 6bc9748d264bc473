// The table of routes, targets and arguments.
#include "nodes/http/http_target.hpp"
#include "nodes/http/routes.hpp"

#include <catch2/catch.hpp>

#include <set>
#include <string>

using namespace skein;

namespace {

std::string pattern_of(std::string_view method, std::string_view path) {
  const route_match match = match_route(method, path);
  return match.found == nullptr ? "" : std::string{match.found->pattern};
}

result<query_list> read(const std::string& query) { return read_query("/x?" + query); }

bool fits(argument_kind kind, std::string_view value) {
  return check_argument({"x", kind}, value).ok();
}

} // namespace

TEST_CASE("a path matches its pattern, whole and byte by byte") {
  CHECK(pattern_of("GET", "/v1/events") == "/v1/events");
  CHECK(pattern_of("GET", "/v1/events/17-42") == "/v1/events/{event}");
  CHECK(pattern_of("POST", "/v1/events/17-42/cancel") == "/v1/events/{event}/cancel");
  CHECK(match_route("GET", "/v1/keys/a%2Fb").parameter == "a%2Fb");
  CHECK(match_route("POST", "/v1/jobs/next/edit").parameter == "next");
  CHECK(pattern_of("GET", "/v1/jobs/next") == "/v1/jobs/{name}");
  CHECK(pattern_of("GET", "/v1/jobs/next/next") == "/v1/jobs/{name}/next");
  for (const char* path :
       {"/", "", "*", "v1/events", "/v1", "/v1/", "/v1/events/", "/v1//events", "/v1/events/1-1/",
        "/v1/events/1-1/x", "/v1/events//cancel", "/V1/events", "/v1/%65vents",
        "/v1/events/../status", "/healthz/", "//healthz"})
    CHECK(pattern_of("GET", path) == "");
}

TEST_CASE("a path that exists says which methods it has") {
  CHECK(match_route("DELETE", "/v1/events").allow == "POST, GET, HEAD");
  CHECK(match_route("OPTIONS", "/v1/status").allow == "GET, HEAD");
  CHECK(match_route("GET", "/v1/events/1-1/cancel").allow == "POST");
  CHECK(match_route("get", "/v1/status").allow == "GET, HEAD");
  CHECK(match_route("GET", "/nothing").allow.empty());
  CHECK(pattern_of("HEAD", "/v1/status") == "/v1/status");
}

TEST_CASE("every route can be reached, and no two are the same") {
  std::set<std::string> seen;
  for (const route& each : all_routes()) {
    std::string path{each.pattern};
    const std::size_t open = path.find('{');
    if (open != std::string::npos)
      path.replace(open, path.find('}') - open + 1, "1-1");
    INFO(each.method << " " << each.pattern);
    CHECK(match_route(each.method, path).found == &each);
    CHECK(seen.insert(std::string{each.method} + std::string{each.pattern}).second);
    CHECK((each.body == body_kind::none) == (each.method == "GET"));
    CHECK((open == std::string::npos) == each.parameter.name.empty());
  }
}

TEST_CASE("a query is decoded once and strictly") {
  const auto query = read("a=1&b=x%2Fy%3D%26z&c=a+b%2Bc&d&&e=%C3%A4&f==");
  REQUIRE(query.ok());
  CHECK(*query ==
        query_list{
            {"a", "1"}, {"b", "x/y=&z"}, {"c", "a b+c"}, {"d", ""}, {"e", "\xc3\xa4"}, {"f", "="}});
  CHECK(read_query("/x").value().empty());
  CHECK(read_query("/x?").value().empty());
  for (const char* wrong : {"a=%", "a=%4", "a=%zz", "a=%4g", "a=%-1", "%=1", "a=%00", "a=%0A",
                            "a=%7f", "a=%ff", "a=%C3", "a=%ED%A0%80", "a=1&a=1", "a=1&%61=2"}) {
    INFO(wrong);
    REQUIRE_FALSE(read(wrong).ok());
    CHECK(read(wrong).error().code == errc::invalid_argument);
  }
}

TEST_CASE("a query may have 32 arguments and not one more") {
  std::string query;
  for (std::size_t i = 0; i < limits::http_query_arguments_max; ++i)
    query += "a" + std::to_string(i) + "=1&";
  CHECK(read(query).ok());
  CHECK_FALSE(read(query + "b=1").ok());
}

TEST_CASE("a path segment keeps its plus and may hold a slash") {
  CHECK(decode_segment("chat%2F1+2%20").value() == "chat/1+2 ");
  CHECK_FALSE(decode_segment("a%0db").ok());
  CHECK_FALSE(decode_segment("a%").ok());
}

TEST_CASE("each kind of argument takes what it says and nothing else") {
  using enum argument_kind;
  CHECK(fits(text, "x"));
  CHECK_FALSE(fits(text, ""));
  CHECK(fits(event, "17-42"));
  for (const char* wrong : {"", "17", "17-", "-42", "17-042", "17-42 ", "17-42.bot", "x-1"})
    CHECK_FALSE(fits(event, wrong));
  CHECK(fits(state, "dead"));
  CHECK_FALSE(fits(state, "Dead"));
  CHECK(fits(count, "1"));
  CHECK(fits(count, "1000"));
  for (const char* wrong : {"", "0", "1001", "-1", "+1", "1.0", "ten", "99999999999999999999"})
    CHECK_FALSE(fits(count, wrong));
  CHECK(fits(wait, "60s"));
  CHECK(fits(wait, "1m"));
  for (const char* wrong : {"", "61s", "60001ms", "1h", "10", "-1s", "soon"})
    CHECK_FALSE(fits(wait, wrong));
  for (const char* right : {"2026-08-16T09:00:00Z", "2026-08-16T09:00:00.5+02:00", "-1h", "-1h30m"})
    CHECK(fits(argument_kind::time, right));
  for (const char* wrong : {"", "-", "1h", "now", "-h", "2026-08-16", "-1h2", "--1h"})
    CHECK_FALSE(fits(argument_kind::time, wrong));
  CHECK(check_argument({"since", argument_kind::time}, "now").error().detail.starts_with("since "));
  CHECK(fits(cursor, "17.0"));
  CHECK(fits(cursor, "17.0.4f2a91c0"));
  for (const char* wrong : {"", "17", "17.", ".0", "a.b", "17.0.0", "17.-1", "17.0.",
                            "17.0.4F2A91C0", "17.0.4f2a91c00", "17.0.4f2a91c0.1"})
    CHECK_FALSE(fits(cursor, wrong));
}

TEST_CASE("a member of a body is of its kind") {
  const auto member = [](argument_kind kind, std::string_view json) {
    const auto checked = check_member({"x", kind}, json);
    return checked ? "" : checked.error().detail;
  };
  CHECK(member(argument_kind::text, R"("a")") == "");
  CHECK(member(argument_kind::text, R"("")") == "x must not be empty; leave it out instead.");
  for (const char* wrong : {"1", "true", "null", "{}", "[\"a\"]"})
    CHECK(member(argument_kind::text, wrong) == "x must be a JSON string.");
  CHECK(member(argument_kind::flag, "true") == "");
  for (const char* wrong : {"1", "\"true\"", "null"})
    CHECK(member(argument_kind::flag, wrong) == "x must be true or false.");
  CHECK(member(argument_kind::number, "0") == "");
  CHECK(member(argument_kind::number, "70000") == "");
  for (const char* wrong : {"-1", "1.5", "\"1\"", "null"})
    CHECK(member(argument_kind::number, wrong) == "x must be a whole number.");
  CHECK(member(argument_kind::object, R"({"a":1})") == "");
  for (const char* wrong : {"[]", "\"{}\"", "null"})
    CHECK(member(argument_kind::object, wrong) == "x must be a JSON object.");
}

TEST_CASE("an unknown query parameter is named with those that are known") {
  const route& lanes = *match_route("GET", "/v1/lanes").found;
  const auto refused = check_query(lanes, {{"agnet", "bot"}});
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error() ==
        error{errc::invalid_argument,
              "There is no query parameter \"agnet\" here; known are agent, limit, "
              "after."});
  const auto none = check_query(*match_route("GET", "/healthz").found, {{"a", ""}});
  REQUIRE_FALSE(none.ok());
  CHECK(none.error().detail == "There is no query parameter \"a\" here; none is known.");
}
