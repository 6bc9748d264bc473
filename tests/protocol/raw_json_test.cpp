// JSON that goes through nlohmann's values comes out as it was written.
#include "protocol/raw_json.hpp"

#include <catch2/catch.hpp>

using namespace skein;
using nlohmann::json;
using nlohmann::ordered_json;

TEST_CASE("numbers keep their digits whatever they are") {
  for (const char* text :
       {"0", "-1", "18446744073709551615", "-9223372036854775808", "12345678901234567890", "-0",
        "0.10", "1.0", "1.5", "1e400", "-1E+2", "1e-999",
        "123456789012345678901234567890.123456789012345678901234567890"}) {
    INFO(text);
    CHECK(write_json(read_json<json>(text)) == text);
    const std::string nested = std::string{"{\"a\":["} + text + "]}";
    CHECK(write_json(read_json<ordered_json>(nested)) == nested);
  }
}

TEST_CASE("numbers that nlohmann writes as they are stay numbers") {
  CHECK(read_json<json>("42").is_number_unsigned());
  CHECK(read_json<json>("-42").is_number_integer());
  CHECK(read_json<json>("1.5").is_number_float());
  CHECK(read_json<json>("1.50").is_binary());
}

TEST_CASE("members keep their order, texts their characters") {
  const std::string text = R"({"b":"\"\\\n\u0001é","a":[],"c":{},"d":[null,true,false,""]})";
  CHECK(write_json(read_json<ordered_json>(text)) == text);
}

TEST_CASE("a raw value is written as it is, on one line or on several") {
  const json view{
      {"data", raw_json<json>(R"({"z":1.0, "a":1e400})")}, {"n", {1, 2}}, {"o", json::object()}};
  CHECK(write_json(view) == R"({"data":{"z":1.0, "a":1e400},"n":[1,2],"o":{}})");
  CHECK(
      write_json(view, 2) ==
      "{\n  \"data\": {\"z\":1.0, \"a\":1e400},\n  \"n\": [\n    1,\n    2\n  ],\n  \"o\": {}\n}");
}

TEST_CASE("what a node wraps around an event does not count against the depth of its data") {
  std::string text(limits::json_depth_max, '[');
  text += std::string(limits::json_depth_max, ']');
  for (int i = 0; i < 4; ++i)
    text = "{\"x\":" + text + "}";
  CHECK(write_json(read_json<ordered_json>(text)) == text);
}

TEST_CASE("what is no JSON is discarded") {
  for (const char* text : {"", "{", "[1,]", "{\"a\":1,\"a\":2}", "01", "nul", "1 2", "\"\xff\"",
                           "[[[[[[[[[[[[1,]]]]]]]]]]]]"}) {
    INFO(text);
    CHECK(read_json<json>(text).is_discarded());
  }
}

TEST_CASE("invalid UTF-8 is replaced") {
  CHECK(write_json(json{{"k\xff", "v\xff"}}) == "{\"k\xef\xbf\xbd\":\"v\xef\xbf\xbd\"}");
}
