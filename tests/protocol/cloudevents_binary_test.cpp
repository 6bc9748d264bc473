// Binary mode: headers to attributes, the body to data.
#include "protocol/cloudevents.hpp"
#include "protocol/media_type.hpp"

#include <catch2/catch.hpp>

using namespace skein;

namespace {

header_list headers(const header_list& more) {
  header_list list{
      {"ce-specversion", "1.0"}, {"ce-id", "1"}, {"ce-source", "/s"}, {"ce-type", "t"}};
  list.insert(list.end(), more.begin(), more.end());
  return list;
}

event read(const header_list& list, std::string_view body) {
  auto value = read_binary(list, body);
  INFO((value ? std::string{} : to_string(value.error())));
  REQUIRE(value.ok());
  return *value;
}

error refused(const header_list& list, std::string_view body = {}) {
  const auto value = read_binary(list, body);
  REQUIRE_FALSE(value.ok());
  return value.error();
}

} // namespace

TEST_CASE("headers become attributes whatever the case of their names") {
  const event value = read({{"Host", "example.com"},
                            {"CE-SpecVersion", "1.0"},
                            {"Ce-Id", " A-1 "},
                            {"ce-source", "/s"},
                            {"ce-type", "t"},
                            {"Ce-Subject", "sub"},
                            {"ce-time", "2026-07-28T12:34:56Z"},
                            {"ce-dataschema", "urn:x"},
                            {"ce-partitionkey", "k"},
                            {"ce-anumber", "5"},
                            {"Content-Type", "application/json; charset=utf-8"},
                            {"Content-Length", "7"}},
                           R"({"a":1})");
  CHECK(value.id == "A-1");
  CHECK(value.subject == "sub");
  CHECK(value.time == "2026-07-28T12:34:56Z");
  CHECK(value.dataschema == "urn:x");
  CHECK(value.datacontenttype == "application/json; charset=utf-8");
  REQUIRE(value.extensions.size() == 2);
  CHECK(value.extensions[0] == std::pair<std::string, extension_value>{"anumber", "5"});
  CHECK(value.kind == data_kind::json);
  CHECK(value.data == R"({"a":1})");
}

TEST_CASE("an event reads the same from binary mode as from structured mode") {
  const event structured = *read_structured(
      R"({"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"\u20ac 100%",
        "partitionkey":"a b","datacontenttype":"application/json","data": {"a": [1.0]} })");
  const event binary = read(headers({{"ce-subject", "%E2%82%AC%20100%25"},
                                     {"ce-partitionkey", "a%20b"},
                                     {"content-type", "application/json"}}),
                            "{\"a\": [1.0]}\n");
  CHECK(binary == structured);
}

TEST_CASE("values are unquoted, then percent-decoded once") {
  const auto subject = [](std::string_view text) {
    return *read(headers({{"ce-subject", text}}), "").subject;
  };
  CHECK(subject("Euro%20%E2%82%AC%20%F0%9F%98%80") == "Euro \xe2\x82\xac \xf0\x9f\x98\x80");
  CHECK(subject("%e2%82%ac") == "\xe2\x82\xac");
  CHECK(subject("%41") == "A");
  CHECK(subject("%2541") == "%41");
  CHECK(subject(R"("a \"b\" \\c")") == R"(a "b" \c)");
  CHECK(subject(R"("%41")") == "A");
  CHECK(subject("\t a b \t") == "a b");
}

TEST_CASE("a value that cannot be decoded is refused") {
  for (const auto* text : {"%", "%4", "%4g", "a%", "%C0%A0", "%ff", "\"a", "\"a\"b", "\"a\\"}) {
    CAPTURE(text);
    const error problem = refused(headers({{"ce-subject", text}}));
    CHECK(problem.code == errc::invalid_event);
    CHECK_THAT(problem.detail, Catch::StartsWith("subject "));
  }
}

TEST_CASE("required headers are required and say how they are called") {
  const header_list all = headers({});
  for (std::size_t missing = 0; missing < all.size(); ++missing) {
    header_list some = all;
    some.erase(some.begin() + static_cast<std::ptrdiff_t>(missing));
    const error problem = refused(some);
    CHECK(problem.code == errc::invalid_event);
    CHECK_THAT(problem.detail, Catch::Contains(std::string{all[missing].first}));
  }
  header_list empty = all;
  empty[1].second = "";
  CHECK_THAT(refused(empty).detail, Catch::StartsWith("id is required"));
  header_list old = all;
  old[0].second = "0.3";
  CHECK_THAT(refused(old).detail, Catch::StartsWith("specversion must be 1.0"));
}

TEST_CASE("headers that come twice or have no business here are refused") {
  struct row {
    header_list more;
    std::string detail;
  };
  const std::vector<row> rows{
      {{{"ce-id", "2"}}, "id is there twice"},
      {{{"ce-x", "1"}, {"CE-X", "1"}}, "x is there twice"},
      {{{"content-type", "a/b"}, {"Content-Type", "a/b"}}, "The header content-type"},
      {{{"content-type", "json"}}, "datacontenttype must be a media type"},
      {{{"content-type", "a/b;c=\xff"}}, "datacontenttype must be a media type"},
      {{{"ce-datacontenttype", "a/b"}}, "datacontenttype is the header content-type"},
      {{{"ce-data", "x"}}, "data is an attribute of the specification"},
      {{{"ce-my-ext", "x"}}, "my-ext is not the name"},
      {{{"ce-", "x"}}, "The name of an extension attribute has 1 to 64"},
  };
  for (const row& each : rows) {
    const error problem = refused(headers(each.more));
    CAPTURE(problem.detail);
    CHECK(problem.code == errc::invalid_event);
    CHECK_THAT(problem.detail, Catch::StartsWith(each.detail));
  }
  CHECK(refused(headers({{"ce-time", "lunchtime"}})).code == errc::invalid_time);
}

TEST_CASE("the body is JSON, text or bytes by the content type and by what it is") {
  struct row {
    std::string_view type;
    std::string_view body;
    data_kind kind;
  };
  const std::vector<row> rows{
      {"application/json", "1", data_kind::json},
      {"application/json", "", data_kind::none},
      {"application/vnd.x+json", "[1]", data_kind::json},
      {"text/plain", "hello", data_kind::text},
      {"text/plain", "caf\xc3\xa9", data_kind::text},
      {"text/plain", "caf\xe9", data_kind::binary},
      {"text/plain; charset=iso-8859-1", "cafe", data_kind::binary},
      {"text/plain;x=y; Charset=\"UTF-8\"", "cafe", data_kind::text},
      {"application/xml", "<a/>", data_kind::text},
      {"image/svg+xml", "<svg/>", data_kind::text},
      {"application/octet-stream", "hello", data_kind::binary},
      {"image/png", "\x89PNG", data_kind::binary},
  };
  for (const row& each : rows) {
    const event value = read(headers({{"content-type", each.type}}), each.body);
    CAPTURE(each.type, each.body);
    CHECK(value.kind == each.kind);
    CHECK(value.data == each.body);
    CHECK(value.datacontenttype == std::string{each.type});
  }
}

TEST_CASE("a body without a content type is JSON if it can be, else bytes") {
  CHECK(read(headers({}), " {\"a\":1} ").kind == data_kind::json);
  CHECK(read(headers({}), " {\"a\":1} ").data == "{\"a\":1}");
  CHECK(read(headers({}), "hello").kind == data_kind::binary);
  CHECK(read(headers({}), "{\"a\":1}x").data == "{\"a\":1}x");
  CHECK_FALSE(read(headers({}), "1").datacontenttype);
  CHECK_FALSE(read(headers({{"content-type", " "}}), "1").datacontenttype);
}

TEST_CASE("a body that is not the JSON its type claims is refused") {
  const error problem = refused(headers({{"content-type", "application/json"}}), "{\"a\":}");
  CHECK(problem.code == errc::data_not_json);
  CHECK_THAT(problem.detail, Catch::Contains("application/json") && Catch::Contains("At byte 5"));
  CHECK(refused(headers({{"content-type", "a/b+json"}}), "[1] x").code == errc::data_not_json);
}

TEST_CASE("every event read from binary mode survives structured mode") {
  for (const auto& [type, body] : header_list{{"text/plain", "a\n\"b\""},
                                              {"application/json", "{\"a\":1}"},
                                              {"application/octet-stream", "\xff\x01"},
                                              {"image/png", ""}}) {
    const event value = read(headers({{"content-type", type}, {"ce-ext", "%22x%22"}}), body);
    CHECK(*read_structured(write_structured(value)) == value);
  }
}

TEST_CASE("media types are judged by their grammar") {
  for (const auto* good :
       {"a/b", "application/vnd.x.y+json", "text/plain;charset=utf-8", "text/plain ; a=b", "A/B"})
    CHECK(is_media_type(good));
  for (const auto* bad : {"", "a", "/", "a/", "/b", "a/b c", "a b/c", "a/b/c", "a;b/c", "(a)/b"})
    CHECK_FALSE(is_media_type(bad));
  CHECK(is_json_type("application/JSON"));
  CHECK(is_json_type("x/y+json;a=b"));
  CHECK_FALSE(is_json_type("application/jsonx"));
  CHECK_FALSE(is_json_type("json"));
}
