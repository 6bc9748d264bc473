// The event and its encoded form.
#include "protocol/event.hpp"

#include <catch2/catch.hpp>

using namespace skein;

namespace {

event full_event() {
  event value;
  value.id = "1";
  value.source = "/test";
  value.type = "t";
  value.subject = "s";
  value.time = "2026-07-28T12:34:56Z";
  value.datacontenttype = "application/json";
  value.dataschema = "urn:x";
  value.set_extension("partitionkey", "k");
  value.set_extension("aflag", true);
  value.set_extension("anumber", -5);
  value.kind = data_kind::json;
  value.data = R"({"a":1})";
  return value;
}

event small_event() {
  event value;
  value.id = "1";
  value.source = "/test";
  value.type = "t";
  return value;
}

} // namespace

TEST_CASE("the key is the partition key, else the subject, else the id") {
  event value = full_event();
  CHECK(value.key() == "k");
  value.extensions.clear();
  CHECK(value.key() == "s");
  value.subject.reset();
  CHECK(value.key() == "1");
}

TEST_CASE("extensions stay sorted and unique") {
  event value;
  value.set_extension("b", 1);
  value.set_extension("a", std::string{"x"});
  value.set_extension("c", true);
  value.set_extension("b", std::string{"two"});
  REQUIRE(value.extensions.size() == 3);
  CHECK(value.extensions[0].first == "a");
  CHECK(value.extensions[1].first == "b");
  CHECK(value.extensions[2].first == "c");
  CHECK(*value.text_extension("b") == "two");
  CHECK(value.text_extension("c") == nullptr);
  CHECK(value.text_extension("d") == nullptr);
}

TEST_CASE("an encoded event decodes to itself") {
  for (const event& value : {full_event(), small_event()}) {
    const auto decoded = decode_event(encode_event(value));
    REQUIRE(decoded.ok());
    CHECK(*decoded == value);
  }
}

TEST_CASE("data of every size decodes to itself") {
  for (const std::size_t bytes : {0u, 1u, 255u, 256u, 65'535u, 65'536u, 1'000'000u}) {
    event value = small_event();
    value.kind = data_kind::binary;
    value.data.assign(bytes, '\xff');
    value.subject = std::string(bytes % 70'000 + 1, 's');
    const auto decoded = decode_event(encode_event(value));
    REQUIRE(decoded.ok());
    CHECK(*decoded == value);
  }
}

TEST_CASE("the head is read without the rest") {
  const std::string body = encode_event(full_event());
  const event_head head = read_head(body);
  CHECK(head.id == "1");
  CHECK(head.source == "/test");
  CHECK(head.type == "t");
  CHECK(head.key == "k");
  CHECK(head.id.data() > body.data());
  CHECK(head.key.data() < body.data() + body.size());
}

TEST_CASE("bytes that are no encoded event have an empty head") {
  CHECK(read_head("").id.empty());
  CHECK(read_head("\x93\xa1i\xa1s\xa1t").id.empty());
  const std::string body = encode_event(full_event());
  CHECK(read_head(std::string_view{body}.substr(0, 5)).id.empty());
}

TEST_CASE("every cut of an encoded event is an error") {
  const std::string body = encode_event(full_event());
  for (std::size_t bytes = 0; bytes < body.size(); ++bytes) {
    const auto decoded = decode_event(std::string{body.data(), bytes});
    REQUIRE_FALSE(decoded.ok());
    CHECK(decoded.error().code == errc::invalid_frame);
  }
}

TEST_CASE("bytes behind an encoded event are an error") {
  CHECK_FALSE(decode_event(encode_event(small_event()) + '\0').ok());
}

TEST_CASE("an encoded event that contradicts itself is refused") {
  const event value = small_event();
  const std::string good = encode_event(value);
  //            array  id  source        type  key ...
  REQUIRE(good == std::string{"\x9b\xa1"
                              "1\xa5/test\xa1t\xa1"
                              "1\xc0\xc0\xc0\xc0\x80\x00\xc4\x00",
                              21});

  SECTION("a key that is not the event's") {
    std::string bad = good;
    bad[12] = '2';
    CHECK_FALSE(decode_event(bad).ok());
  }
  SECTION("a kind of data that does not exist") {
    std::string bad = good;
    bad[18] = 4;
    CHECK_FALSE(decode_event(bad).ok());
  }
  SECTION("data although there is none") {
    std::string bad = good;
    bad[20] = 1;
    CHECK_FALSE(decode_event(bad + "x").ok());
  }
  SECTION("extensions that are not in order") {
    const std::string bad = good.substr(0, 17) +
                            "\x82\xa1"
                            "b\x01\xa1"
                            "a\x01" +
                            good.substr(18);
    CHECK_FALSE(decode_event(bad).ok());
    const std::string twice = good.substr(0, 17) +
                              "\x82\xa1"
                              "a\x01\xa1"
                              "a\x01" +
                              good.substr(18);
    CHECK_FALSE(decode_event(twice).ok());
    const std::string fine = good.substr(0, 17) +
                             "\x82\xa1"
                             "a\x01\xa1"
                             "b\x01" +
                             good.substr(18);
    CHECK(decode_event(fine).ok());
  }
  SECTION("an extension of a type there is not") {
    const std::string bad = good.substr(0, 17) +
                            "\x81\xa1"
                            "b\xcb" +
                            std::string(8, '\0') + good.substr(18);
    CHECK_FALSE(decode_event(bad).ok());
  }
}
