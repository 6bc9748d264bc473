// The JSON reader: what it takes, what it refuses and why, and that it leaves values as they are.
#include "protocol/json_reader.hpp"

#include "protocol/cloudevents.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <random>

using namespace skein;

namespace {

std::string nested(std::size_t levels) {
  return std::string(levels, '[') + std::string(levels, ']');
}

std::string detail_of(std::string_view json) {
  const auto checked = check_json(json);
  return checked ? "valid" : to_string(checked.error());
}

std::string decoded(std::string_view json) {
  json_reader in{json};
  std::string buffer;
  std::string text{in.string(buffer)};
  in.finish();
  return in.failed() ? "refused" : text;
}

/// What a lenient but complete parser says, for texts without the things only we refuse.
bool nlohmann_accepts(const std::string& text) { return nlohmann::json::accept(text); }

} // namespace

TEST_CASE("values of every type are JSON, with white space around every token") {
  const auto text = GENERATE(
      "0", "-0", "10", "1.5", "-1.25e+10", "1E5", "0e-1", "123456789012345678901234567890", "1e999",
      "true", "false", "null", "\"\"", "\"a\"", "[]", "{}", "[1,2]", "{\"a\":1,\"b\":[{}]}",
      " \t\r\n[ 1 , { \"a\" : null } ] \n", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\"",
      "\"\\ud83d\\uDE00\"", "\"\xf0\x9f\x98\x80\"", "\"\x7f\"", "{\"\":1}");
  CAPTURE(text);
  CHECK(detail_of(text) == "valid");
}

TEST_CASE("what is not JSON is refused") {
  const auto text = GENERATE(
      "", " ", "01", "-", "+1", "1.", ".5", "1e", "1e+", "0x10", "NaN", "Infinity", "tru", "True",
      "nul", "truex", "\"", "\"a", "'a'", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\t\"", "\"\n\"",
      "[", "]", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "{", "}", "{\"a\"", "{\"a\":", "{\"a\":1",
      "{\"a\":1,", "{\"a\":1,}", "{,}", "{a:1}", "{1:1}", "{\"a\" 1}", "{\"a\":1 \"b\":2}", "[}",
      "{]", "[1}", "{\"a\":1]", "1 2", "[] []", "{}x", "//c\n1", "/* */1",
      "\xef\xbb\xbf"
      "1",
      "\xa0"
      "1",
      "\"\xff\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"");
  CAPTURE(text);
  CHECK_THAT(detail_of(text), Catch::StartsWith("invalid-json: "));
}

TEST_CASE("a zero byte ends nothing") {
  CHECK(detail_of(std::string_view{"1\0", 2}) != "valid");
  CHECK(detail_of(std::string_view{"\"\0\"", 3}) != "valid");
  CHECK(decoded("\"\\u0000\"") == std::string_view{"\0", 1});
}

TEST_CASE("half a surrogate pair is refused") {
  const auto text = GENERATE("\"\\ud83d\"", "\"\\ude00\"", "\"\\ud83d\\u0041\"", "\"\\ud83dx\"",
                             "\"\\ud83d\\ud83d\"", "\"\\ud83d\\n\"", "\"\\ud83d\\ude0");
  CAPTURE(text);
  CHECK_THAT(detail_of(text), Catch::Contains("surrogate") || Catch::Contains("hexadecimal"));
}

TEST_CASE("the same name twice in an object is refused, however it is written") {
  CHECK_THAT(detail_of(R"({"a":1,"b":2,"a":3})"), Catch::Contains("same name twice"));
  CHECK_THAT(detail_of(R"({"a":1,"\u0061":3})"), Catch::Contains("same name twice"));
  CHECK_THAT(detail_of(R"([{"x":{"a":1,"a":1}}])"), Catch::Contains("same name twice"));
  CHECK(detail_of(R"({"a":{"a":{"a":1}},"A":1,"b":[{"a":1},{"a":2}]})") == "valid");
}

TEST_CASE("names are compared in objects of any size, in reasonable time") {
  std::string object = "{";
  constexpr int names = 200'000; // all pairs would take minutes
  for (int i = 0; i < names; ++i)
    object += "\"name" + std::to_string(i) + "\":" + std::to_string(i) + ",";
  CHECK(detail_of(object + "\"last\":0}") == "valid");
  CHECK_THAT(detail_of(object + "\"name77\":0}"), Catch::Contains("same name twice"));
}

TEST_CASE("depth has a limit that a value of exactly that depth is within") {
  CHECK(detail_of(nested(limits::json_depth_max)) == "valid");
  const auto deep = check_json(nested(limits::json_depth_max + 1));
  REQUIRE_FALSE(deep.ok());
  CHECK(deep.error().code == errc::too_deep);
  const auto bottomless = check_json(std::string(1'000'000, '['));
  REQUIRE_FALSE(bottomless.ok());
  CHECK(bottomless.error().code == errc::too_deep);
}

TEST_CASE("an error says where it is and what was expected there") {
  CHECK(detail_of("[1,\n x]") ==
        "invalid-json: The text is not valid JSON. At byte 5: a value must stand here.");
  CHECK_THAT(detail_of(R"({"a":1)"), Catch::Contains("At byte 6: a ',' or '}' must stand here."));
}

TEST_CASE("strings are decoded, in place if there is nothing to decode") {
  CHECK(decoded(R"("plain")") == "plain");
  CHECK(decoded(R"("\"\\\/\b\f\n\r\t")") == "\"\\/\b\f\n\r\t");
  CHECK(decoded(R"("\u0041\u00e9\u20ac\ud83d\ude00")") == "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
  const std::string_view text = "\"plain\"";
  json_reader in{text};
  std::string buffer;
  CHECK(in.string(buffer).data() == text.data() + 1);
}

TEST_CASE("every code point survives being written and read") {
  for (char32_t point = 0; point < 0x110000; point += point < 0x3000 ? 1 : 251) {
    if (point >= 0xd800 && point < 0xe000)
      continue;
    const nlohmann::json text = [&] {
      std::string utf8;
      if (point < 0x80)
        utf8 = {static_cast<char>(point)};
      else if (point < 0x800)
        utf8 = {static_cast<char>(0xc0 | point >> 6), static_cast<char>(0x80 | (point & 0x3f))};
      else if (point < 0x10000)
        utf8 = {static_cast<char>(0xe0 | point >> 12),
                static_cast<char>(0x80 | (point >> 6 & 0x3f)),
                static_cast<char>(0x80 | (point & 0x3f))};
      else
        utf8 = {static_cast<char>(0xf0 | point >> 18),
                static_cast<char>(0x80 | (point >> 12 & 0x3f)),
                static_cast<char>(0x80 | (point >> 6 & 0x3f)),
                static_cast<char>(0x80 | (point & 0x3f))};
      return utf8;
    }();
    const auto plain = text.get<std::string>();
    REQUIRE(decoded(text.dump(-1, ' ', true)) == plain); // with \u escapes
    std::string written;
    append_json_string(written, plain);
    REQUIRE(decoded(written) == plain);
    REQUIRE(nlohmann::json::parse(written) == text);
  }
}

TEST_CASE("a pull reader gives members and elements in order and values as they are") {
  json_reader in{R"( {"a": [1, "x"], "b": {"z":1,  "y":0.50}, "c":true} )"};
  std::string_view name;
  std::string buffer;
  REQUIRE(in.open_object());
  REQUIRE(in.member(name));
  CHECK(name == "a");
  REQUIRE(in.open_array());
  REQUIRE(in.element());
  CHECK(in.number() == "1");
  REQUIRE(in.element());
  CHECK(in.next() == json_reader::type::string);
  CHECK(in.string(buffer) == "x");
  REQUIRE_FALSE(in.element());
  REQUIRE(in.member(name));
  CHECK(in.value() == R"({"z":1,  "y":0.50})");
  REQUIRE(in.member(name));
  CHECK(name == "c");
  CHECK(in.boolean());
  REQUIRE_FALSE(in.member(name));
  in.finish();
  CHECK_FALSE(in.failed());
}

TEST_CASE("after a failure nothing more is read and the first problem stays") {
  json_reader in{R"({"a":x})"};
  std::string_view name;
  REQUIRE(in.open_object());
  REQUIRE(in.member(name));
  CHECK(in.value().empty());
  const error problem = in.problem();
  CHECK_FALSE(in.member(name));
  CHECK_FALSE(in.open_array());
  CHECK(in.next() == json_reader::type::end);
  CHECK_FALSE(in.boolean());
  CHECK(in.number().empty());
  CHECK(in.problem() == problem);
}

TEST_CASE("random changes to JSON are judged as another parser judges them") {
  const std::string base =
      R"({"a":[1,-2.5e3,true,null,"x\n\u0041"],"b":{"c":"","d":[{}]},"e":0.1})";
  constexpr std::string_view alphabet = "{}[]\",:\\truefalsn0123456789.-+eE u\n\t/";
  std::mt19937 random{20260728};
  int valid = 0;
  for (int i = 0; i < 200'000; ++i) {
    std::string text = base;
    for (int change = static_cast<int>(random() % 3); change >= 0; --change) {
      const std::size_t at = random() % text.size();
      const char c = alphabet[random() % alphabet.size()];
      switch (random() % 3) {
        case 0:
          text[at] = c;
          break;
        case 1:
          text.erase(at, 1);
          break;
        default:
          text.insert(at, 1, c);
          break;
      }
    }
    const auto ours = check_json(text);
    if (!ours && (ours.error().detail.find("same name") != std::string::npos ||
                  ours.error().detail.find("surrogate") != std::string::npos))
      continue;
    CAPTURE(text);
    REQUIRE(ours.ok() == nlohmann_accepts(text));
    valid += ours.ok() ? 1 : 0;
  }
  CHECK(valid > 10'000); // or the changes were too wild to tell anything
}
