// Structured mode, batches, and what agents emit.
#include "protocol/cloudevents.hpp"

#include <catch2/catch.hpp>

using namespace skein;

namespace {

/// The smallest valid event with `more` members, such as R"("subject":"x")".
std::string with(std::string_view more) {
  std::string json = R"({"specversion":"1.0","id":"1","source":"/s","type":"t")";
  if (!more.empty())
    json.append(",").append(more);
  return json + "}";
}

event read(std::string_view json) {
  auto value = read_structured(json);
  INFO(json);
  INFO((value ? std::string{} : to_string(value.error())));
  REQUIRE(value.ok());
  return *value;
}

error refused(std::string_view json) {
  INFO(json);
  const auto value = read_structured(json);
  REQUIRE_FALSE(value.ok());
  return value.error();
}

} // namespace

TEST_CASE("a structured event is read with all its attributes") {
  const event value = read(R"({
    "specversion": "1.0", "id": "A-1", "source": "https://example.com/s", "type": "com.example.t",
    "subject": "sub", "time": "2026-07-28T12:34:56Z", "datacontenttype": "application/json",
    "dataschema": "https://example.com/schema.json", "partitionkey": "k", "zed": true,
    "anumber": -2147483648, "data": {"b": [1.50, 12345678901234567890], "a": "\u00e9"}
  })");
  CHECK(value.id == "A-1");
  CHECK(value.source == "https://example.com/s");
  CHECK(value.type == "com.example.t");
  CHECK(value.subject == "sub");
  CHECK(value.time == "2026-07-28T12:34:56Z");
  CHECK(value.datacontenttype == "application/json");
  CHECK(value.dataschema == "https://example.com/schema.json");
  REQUIRE(value.extensions.size() == 3);
  CHECK(value.extensions[0] == std::pair<std::string, extension_value>{"anumber", INT32_MIN});
  CHECK(value.extensions[1] == std::pair<std::string, extension_value>{"partitionkey", "k"});
  CHECK(value.extensions[2] == std::pair<std::string, extension_value>{"zed", true});
  CHECK(value.kind == data_kind::json);
  CHECK(value.data == R"({"b": [1.50, 12345678901234567890], "a": "\u00e9"})");
}

TEST_CASE("a null attribute is an absent one") {
  const event value = read(with(R"("subject":null,"time":null,"ext":null,"data_base64":null)"));
  CHECK_FALSE(value.subject);
  CHECK_FALSE(value.time);
  CHECK(value.extensions.empty());
  CHECK(value.kind == data_kind::none);
  CHECK(refused(R"({"specversion":"1.0","id":null,"source":"/s","type":"t"})").detail ==
        "id is required and must not be empty.");
}

TEST_CASE("data is JSON, text or bytes by its content type and member") {
  struct row {
    std::string members;
    data_kind kind;
    std::string data;
  };
  const std::vector<row> rows{
      {"", data_kind::none, ""},
      {R"("data":"text")", data_kind::json, R"("text")"},
      {R"("data":null)", data_kind::json, "null"},
      {R"("data": 1.0 )", data_kind::json, "1.0"},
      {R"("datacontenttype":"text/json","data":"x")", data_kind::json, R"("x")"},
      {R"("datacontenttype":"Application/Foo+JSON; charset=utf-8","data":"x")", data_kind::json,
       R"("x")"},
      {R"("datacontenttype":"text/plain","data":"a\nb")", data_kind::text, "a\nb"},
      {R"("data":"\u00e9","datacontenttype":"text/xml")", data_kind::text, "\xc3\xa9"},
      {R"("datacontenttype":"text/plain","data":"")", data_kind::text, ""},
      {R"("datacontenttype":"text/plain","data":{"a":1})", data_kind::json, R"({"a":1})"},
      {R"("data_base64":"AP8=")", data_kind::binary, std::string{"\0\xff", 2}},
      {R"("datacontenttype":"application/json","data_base64":"e30=")", data_kind::binary, "{}"},
      {R"("data_base64":"")", data_kind::binary, ""},
      {R"("data":null,"data_base64":"AP8=")", data_kind::binary, std::string{"\0\xff", 2}},
      {R"("data":1,"data_base64":null)", data_kind::json, "1"},
  };
  for (const row& each : rows) {
    const event value = read(with(each.members));
    CAPTURE(each.members);
    CHECK(value.kind == each.kind);
    CHECK(value.data == each.data);
  }
}

TEST_CASE("what breaks a rule of the specification is refused with the attribute's name") {
  struct row {
    std::string json;
    errc code;
    std::string detail;
  };
  const std::vector<row> rows{
      {R"({"id":"1","source":"/s","type":"t"})", errc::invalid_event, "specversion is required"},
      {R"({"specversion":"0.3","id":"1","source":"/s","type":"t"})", errc::invalid_event,
       "specversion must be \"1.0\""},
      {R"({"specversion":1.0,"id":"1","source":"/s","type":"t"})", errc::invalid_event,
       "specversion must be a String"},
      {R"({"specversion":"1.0","source":"/s","type":"t"})", errc::invalid_event, "id is required"},
      {R"({"specversion":"1.0","id":"","source":"/s","type":"t"})", errc::invalid_event,
       "id is required and must not be empty"},
      {R"({"specversion":"1.0","id":1,"source":"/s","type":"t"})", errc::invalid_event,
       "id must be a String"},
      {R"({"specversion":"1.0","id":"1","type":"t"})", errc::invalid_event, "source is required"},
      {R"({"specversion":"1.0","id":"1","source":"/s"})", errc::invalid_event, "type is required"},
      {with(R"("time":"lunchtime")"), errc::invalid_time, "time must be RFC 3339"},
      {with(R"("time":"")"), errc::invalid_time, "time must be RFC 3339"},
      {with(R"("time":5)"), errc::invalid_event, "time must be a String"},
      {with(R"("Subject":"x")"), errc::invalid_event, "Subject is not the name of an attribute"},
      {with(R"("my_ext":"x")"), errc::invalid_event, "my_ext is not the name of an attribute"},
      {with(R"("ext-":"x")"), errc::invalid_event, "ext- is not the name of an attribute"},
      {with(R"("":"x")"), errc::invalid_event, "The name of an extension attribute has 1 to 64"},
      {with(R"("ext":{})"), errc::invalid_event, "ext must be a String, a whole number"},
      {with(R"("ext":[1])"), errc::invalid_event, "ext must be a String, a whole number"},
      {with(R"("ext":1.5)"), errc::invalid_event, "ext must be a whole number"},
      {with(R"("ext":1e3)"), errc::invalid_event, "ext must be a whole number"},
      {with(R"("ext":2147483648)"), errc::invalid_event, "ext must be a whole number"},
      {with(R"("data":1,"data_base64":"")"), errc::invalid_event, "data and data_base64 exclude"},
      {with(R"("data":"","data_base64":"AA==")"), errc::invalid_event,
       "data and data_base64 exclude"},
      {with(R"("data_base64":"A")"), errc::invalid_event, "data_base64 must be base64"},
      {with(R"("data_base64":{})"), errc::invalid_event, "data_base64 must be a String"},
      {"[]", errc::invalid_event, "An event must be a JSON object"},
      {"\"x\"", errc::invalid_event, "An event must be a JSON object"},
  };
  for (const row& each : rows) {
    const error problem = refused(each.json);
    CAPTURE(each.json, problem.detail);
    CHECK(problem.code == each.code);
    CHECK_THAT(problem.detail, Catch::StartsWith(each.detail));
    CHECK_THAT(problem.detail, Catch::EndsWith("."));
  }
}

TEST_CASE("what is not JSON is refused as such, not as an event") {
  for (const auto& json : {std::string{}, std::string{"{"}, with("") + "x", with(R"("subject":})"),
                           with(R"("subject":[1)"), with(R"("ext":)"), with(R"("data":[1,])"),
                           with(R"("ext":01)"), with(R"("id":"2")"), with(R"("\u0069d":"2")"),
                           with(R"("data":{"a":1,"a":2})"), with("\"subject\":\"\xff\"")})
    CHECK(refused(json).code == errc::invalid_json);
}

TEST_CASE("data may be as deep as anywhere else") {
  const std::string deepest =
      std::string(limits::json_depth_max, '[') + std::string(limits::json_depth_max, ']');
  CHECK(read(with("\"data\":" + deepest)).data == deepest);
  CHECK(read_batch("[" + with("\"data\":" + deepest) + "]").ok());
  CHECK(refused(with("\"data\":[" + deepest + "]")).code == errc::too_deep);
}

TEST_CASE("more extensions than allowed are refused while they are read") {
  std::string members = R"("x":1)";
  for (std::size_t i = 1; i < limits::extensions_max; ++i)
    members += ",\"x" + std::to_string(i) + "\":1";
  CHECK(read(with(members)).extensions.size() == limits::extensions_max);
  CHECK(refused(with(members + R"(,"more":1)")).code == errc::too_large);
}

TEST_CASE("an event is written in one line and read back unchanged") {
  const auto json = GENERATE(
      R"({"specversion":"1.0","id":"1","source":"/s","type":"t"})",
      R"({"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"a\"b",)"
      R"("time":"2026-07-28T12:34:56Z","datacontenttype":"application/json","dataschema":"urn:x",)"
      R"("b":true,"i":-5,"s":"","data":{"z":1.0,"a":[1,2]}})",
      R"({"specversion":"1.0","id":"1","source":"/s","type":"t",)"
      R"("datacontenttype":"text/plain","data":"line\nline"})",
      R"({"specversion":"1.0","id":"1","source":"/s","type":"t","data_base64":"AAEC/w=="})",
      R"({"specversion":"1.0","id":"1","source":"/s","type":"t","data":null})");
  CHECK(write_structured(read(json)) == json);
}

TEST_CASE("data with line breaks is written in one line and stays the same value") {
  const event value = read(with("\"data\":{\n  \"a\": \"b\\nc\",\r\n  \"d\": 1\n}"));
  const std::string json = write_structured(value);
  CHECK(json.find('\n') == std::string::npos);
  CHECK(json.find('\r') == std::string::npos);
  CHECK(read(json).data == R"({   "a": "b\nc",    "d": 1 })");
}

TEST_CASE("a batch is an array of events, and its errors name the event") {
  const auto batch = read_batch("[" + with("") + ", " + with(R"("subject":"x")") + "]");
  REQUIRE(batch.ok());
  REQUIRE(batch->size() == 2);
  CHECK((*batch)[1].subject == "x");
  CHECK(read_batch("[]")->empty());

  const auto bad = read_batch("[" + with("") + "," + with(R"("time":"x")") + "]");
  REQUIRE_FALSE(bad.ok());
  CHECK(bad.error().code == errc::invalid_time);
  CHECK_THAT(bad.error().detail, Catch::StartsWith("event 1: time must be"));

  const auto broken = read_batch("[" + with("") + "," + R"({"id":})" + "]");
  REQUIRE_FALSE(broken.ok());
  CHECK(broken.error().code == errc::invalid_json);
  CHECK_THAT(broken.error().detail, Catch::StartsWith("event 1: At byte "));

  for (const auto& json : {with(""), std::string{"1"}, std::string{"null"}}) {
    CHECK(read_batch(json).error().code == errc::invalid_event);
    CHECK(read_batch("[" + std::string{"1"} + "]").error().detail ==
          "event 0: An event must be a JSON object.");
  }
  for (const auto& json :
       {"[" + with("") + ",]", "[" + with(""), std::string{"[] x"}, std::string{}})
    CHECK(read_batch(json).error().code == errc::invalid_json);
}

TEST_CASE("a batch of the largest size is read, one more is refused") {
  std::string json = "[" + with("");
  for (std::size_t i = 1; i < limits::batch_events_max; ++i)
    json += "," + with("");
  CHECK(read_batch(json + "]")->size() == limits::batch_events_max);
  CHECK(read_batch(json + "," + with("") + "]").error().code == errc::batch_too_large);
}

TEST_CASE("an emitted event may leave out specversion, id and source, not the type") {
  const auto value = read_emit(R"({"type":"t","due":"+10s","data":{"a":1}})");
  REQUIRE(value.ok());
  CHECK(value->id.empty());
  CHECK(value->source.empty());
  CHECK(*value->text_extension("due") == "+10s");
  CHECK(read_emit(with("")).ok());
  CHECK(read_emit(R"({"id":"1"})").error().detail == "type is required and must not be empty.");
  CHECK(read_emit(R"({"specversion":"2.0","type":"t"})").error().code == errc::invalid_event);
  CHECK(read_emit(R"({"type":"t","time":"x"})").error().code == errc::invalid_time);
}

TEST_CASE("bytes that are no UTF-8 are written as replacement characters") {
  const auto literal = [](std::string_view text) {
    std::string out;
    append_json_string(out, text);
    return out;
  };
  CHECK(literal("a\xff"
                "b") == "\"a\xef\xbf\xbd"
                        "b\"");
  CHECK(literal("\xc3") == "\"\xef\xbf\xbd\"");
  CHECK(literal("\xc3\xa9\xe2\x82") == "\"\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\"");
  CHECK(literal("\xff\"\n") == "\"\xef\xbf\xbd\\\"\\n\"");
  CHECK(literal("\x01\x1f\x7f") == "\"\\u0001\\u001f\x7f\"");
}

TEST_CASE("a reply is written as the JSON value it is") {
  const auto value = [](data_kind kind, std::string_view data) {
    std::string out;
    append_json_value(out, kind, data);
    return out;
  };
  CHECK(value(data_kind::none, "") == "null");
  CHECK(value(data_kind::json, "{\n}") == "{ }");
  CHECK(value(data_kind::text, "a\n") == "\"a\\n\"");
  CHECK(value(data_kind::binary, "\xff") == R"({"data_base64":"/w=="})");
}

TEST_CASE("base64 gives the vectors of RFC 4648 both ways") {
  const std::vector<std::pair<std::string, std::string>> vectors{{"", ""},
                                                                 {"f", "Zg=="},
                                                                 {"fo", "Zm8="},
                                                                 {"foo", "Zm9v"},
                                                                 {"foob", "Zm9vYg=="},
                                                                 {"fooba", "Zm9vYmE="},
                                                                 {"foobar", "Zm9vYmFy"},
                                                                 {"\xfb\xff", "+/8="}};
  for (const auto& [bytes, text] : vectors) {
    CHECK(base64_encode(bytes) == text);
    CHECK(*base64_decode(text) == bytes);
  }
}

TEST_CASE("base64 in another spelling is refused") {
  const auto text =
      GENERATE("Z", "Zg", "Zg=", "Zg===", "=", "==", "====", "Z===", "Zg==Zg==", "Zm9v\n", "Zm 9v",
               "Zm9-", "Zm9_", "Zh==", "Zm9=", "Zg=a", "=g==");
  CAPTURE(text);
  CHECK_FALSE(base64_decode(text).ok());
}
