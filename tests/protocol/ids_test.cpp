// Identifiers as text.
#include "protocol/ids.hpp"

#include <catch2/catch.hpp>

using namespace skein;

TEST_CASE("an event, a delivery and a turn are written the way users see them") {
  const event_id id{shard_id{17}, 42};
  CHECK(to_string(id) == "17-42");
  CHECK(to_string(id, "bot") == "17-42.bot");
  CHECK(turn_name(id, "bot", 1) == "17-42.bot/1");
}

TEST_CASE("an event id is read back from its only spelling") {
  CHECK(parse_event_id("17-42") == event_id{shard_id{17}, 42});
  CHECK(parse_event_id("0-1") == event_id{shard_id{0}, 1});
  CHECK(parse_event_id("4294967295-18446744073709551615") ==
        event_id{shard_id{4294967295}, 18446744073709551615u});
}

TEST_CASE("anything else is no event id") {
  const auto text = GENERATE("", "-", "17", "17-", "-42", "17-0", "017-42", "17-042", "00-1",
                             "+17-42", "17--42", "17-+42", "17-42.bot", "17-42 ", " 17-42", "17-4x",
                             "a-b", "4294967296-1", "1-18446744073709551616", "17_42");
  CAPTURE(text);
  CHECK_FALSE(parse_event_id(text));
}
