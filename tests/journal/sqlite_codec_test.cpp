// What is written into journal.db's columns is read back; anything else is refused, not guessed at.
#include "journal/sqlite_codec.hpp"

#include <catch2/catch.hpp>
#include <random>

using namespace skein;
using namespace skein::journal;

TEST_CASE("a list of deliveries is a JSON array of agent numbers") {
  delivery_list agents;
  CHECK(delivery_text{}.write(agents) == "[]");
  for (const unsigned each : {0u, 7u, 65'535u})
    agents.add(agent_no{static_cast<std::uint16_t>(each)});
  delivery_text text;
  CHECK(text.write(agents) == "[0,7,65535]");
  CHECK(*read_deliveries("[0,7,65535]") == agents);
  CHECK(read_deliveries("[]")->empty());
  while (agents.size() < limits::deliveries_per_event_max)
    agents.add(agent_no{65'535});
  CHECK(*read_deliveries(text.write(agents)) == agents);
}

TEST_CASE("what is no list of deliveries is refused") {
  for (const char* text :
       {"", "[", "]", "[,]", "[1,]", "[,1]", "[1 2]", "[-1]", "[65536]", "[1", "1]", "[1,,2]",
        "[a]", "[1]x", "[ 1]", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]"}) {
    INFO(text);
    CHECK_FALSE(read_deliveries(text));
  }
}

TEST_CASE("identities are read back by index") {
  std::string blob;
  append_identity(blob, {{1, 2}, 3});
  append_identity(blob, {{0xffff'ffff'ffff'fffe, 0x0102'0304'0506'0708}, 9});
  CHECK(blob.size() == 2 * identity_entry_bytes);
  CHECK(read_identity(blob, 0).identity == hash128{1, 2});
  CHECK(read_identity(blob, 1).identity.high == 0xffff'ffff'ffff'fffe);
  CHECK(read_identity(blob, 1).identity.low == 0x0102'0304'0506'0708);
  CHECK(read_identity(blob, 1).content == 9);
}

TEST_CASE("lists of outcomes are read back, in any order of deliveries") {
  std::mt19937_64 random{5};
  std::vector<delivery_id> all;
  outcome_list_writer writer;
  for (int i = 0; i < 500; ++i) {
    const std::uint64_t sequence = 1 + random() % (i % 2 == 0 ? 100 : std::uint64_t{1} << 58);
    all.push_back({{shard_id{static_cast<std::uint32_t>(random() % 65'536)}, sequence},
                   static_cast<std::uint8_t>(random() % 16)});
    writer.add(all.back());
  }
  CHECK(*read_outcome_list(writer.bytes()) == all);
  writer.clear();
  CHECK(read_outcome_list(writer.bytes())->empty());
  CHECK_FALSE(read_outcome_list("\x80"));
  CHECK_FALSE(read_outcome_list("\x02"));
  CHECK_FALSE(
      read_outcome_list(std::string_view{"\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11}));
}

TEST_CASE("ledgers are read back; damaged ones are refused") {
  ledgers totals;
  totals.events = {1, 2, 3, 4, 5, 6, 7, 0};
  totals.deliveries = {0xffff'ffff'ffff'ffff, 0, 0, 0, 0, 0, 9, 0};
  CHECK(write_ledgers(totals) == "1 2 3 4 5 6 7 18446744073709551615 0 0 0 0 0 9");
  CHECK(*read_ledgers(write_ledgers(totals)) == totals);
  for (const char* text :
       {"", "1", "1 2 3 4 5 6 7 8 9 10 11 12 13", "1 2 3 4 5 6 7 8 9 10 11 12 13 14 ",
        "1 2 3 4 5 6 7 8 9 10 11 12 13 x", "1  2 3 4 5 6 7 8 9 10 11 12 13 14"}) {
    INFO(text);
    CHECK_FALSE(read_ledgers(text));
  }
}
