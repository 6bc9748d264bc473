// The bytes of the index of look-ups, and the hashes in memory.
#include "journal/lookup_blocks.hpp"
#include "journal/lookup_summary.hpp"
#include "journal/lookup_tail.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <random>
#include <set>

using namespace skein;
using namespace skein::journal;

TEST_CASE("a block gives back the slots of each remainder, and none of another") {
  std::mt19937_64 random{GENERATE(range(1u, 9u))};
  const std::uint32_t remainders = GENERATE(1u, 4u, 300u, 1u << 24);
  std::map<std::uint32_t, std::vector<std::uint32_t>> expected;
  std::vector<lookup_entry> entries;
  for (std::uint32_t slot = 0; slot < limits::range_events;
       slot += static_cast<std::uint32_t>(1 + random() % 900)) {
    const auto remainder = static_cast<std::uint32_t>(random() % remainders);
    expected[remainder].push_back(slot);
    entries.push_back({remainder, slot});
  }
  std::string block;
  write_block(entries, block);
  for (std::uint32_t i = 0; i < 1'000; ++i) {
    const std::uint32_t other = (i * 16'769) % (1u << 24);
    std::vector<std::uint32_t> found;
    REQUIRE(find_in_block(block, other, found));
    REQUIRE(found == (expected.contains(other) ? expected[other] : std::vector<std::uint32_t>{}));
  }
  for (const auto& [remainder, slots] : expected) {
    std::vector<std::uint32_t> found;
    REQUIRE(find_in_block(block, remainder, found));
    REQUIRE(found == slots);
  }
}

TEST_CASE("an entry takes 6 bytes, one of a busy key little more than 1") {
  std::vector<lookup_entry> unique;
  std::vector<lookup_entry> busy;
  for (std::uint32_t i = 0; i < 256; ++i)
    unique.push_back({i * 65'536, 262'143 - i});
  for (std::uint32_t i = 0; i < limits::range_events; ++i)
    busy.push_back({77, i});
  std::string block;
  write_block(unique, block);
  CHECK(block.size() == 256 * 6);
  write_block(busy, block);
  CHECK(block.size() < limits::range_events + 16);
}

TEST_CASE("a block that was cut or changed is refused or gives slots, and never more") {
  std::mt19937_64 random{3};
  std::vector<lookup_entry> entries;
  for (std::uint32_t i = 0; i < 300; ++i)
    entries.push_back({static_cast<std::uint32_t>(random() % 100), i * 800});
  std::string block;
  write_block(entries, block);
  std::size_t refused = 0;
  for (std::size_t length = 0; length < block.size(); ++length) {
    std::vector<std::uint32_t> found;
    refused += find_in_block(std::string_view{block}.substr(0, length), 1u << 20, found) ? 0u : 1u;
    CHECK(found.size() <= entries.size());
    std::string changed = block;
    changed[length] = static_cast<char>(random());
    found.clear();
    (void)find_in_block(changed, static_cast<std::uint32_t>(random() % 100), found);
    CHECK(found.size() <= block.size());
  }
  CHECK(refused > block.size() / 2);
}

TEST_CASE("each block of each kind and range has a row of its own") {
  const lookup_layout layout{GENERATE(1u, 16u, 256u, 1'024u, 4'096u)};
  std::set<std::int64_t> rows;
  for (std::uint64_t range = 0; range < 3; ++range)
    for (const lookup_kind kind : {lookup_kind::key, lookup_kind::id})
      for (std::uint32_t block = 0; block < layout.blocks(); ++block)
        CHECK(rows.insert(layout.row_of(range, kind, block)).second);
  for (std::uint64_t hash = 1; hash < 1ull << 62; hash *= 3) {
    CHECK(layout.block_of(hash) < layout.blocks());
    CHECK(layout.remainder_of(hash) < 1u << 24);
  }
}

TEST_CASE("a hash depends on the seed and is never 0") {
  hash_settings one{.seed_high = 1, .seed_low = 2};
  hash_settings other{.seed_high = 1, .seed_low = 3};
  CHECK(lookup_hash("k", one) != lookup_hash("k", other));
  CHECK(lookup_hash("k", one) == lookup_hash("k", one));
  CHECK(lookup_hash("", one) != 0);
}

TEST_CASE("a block names each of its remainders once") {
  std::vector<lookup_entry> entries{{7, 1}, {3, 2}, {7, 9}, {1u << 20, 4}};
  std::string block;
  write_block(entries, block);
  std::vector<std::uint32_t> remainders;
  REQUIRE(remainders_in_block(block, remainders));
  CHECK(remainders == std::vector<std::uint32_t>{3, 7, 1u << 20});
  CHECK_FALSE(remainders_in_block(std::string_view{block}.substr(1), remainders));
}

TEST_CASE("a summary names the ranges of each hash, and few others") {
  std::mt19937_64 random{GENERATE(range(1u, 5u))};
  const summary_layout layout;
  std::map<std::uint64_t, range_mask> expected; // by hashes of one block
  std::vector<std::uint16_t> words;
  for (int i = 0; i < 256; ++i) {
    const std::uint64_t hash = random() >> 14 | std::uint64_t{5} << 50;
    const std::uint64_t range = 32 + random() % 16;
    for (const std::uint64_t each : {range, 32 + random() % 16, range}) {
      const auto place = summary_place::of(layout.ranges, hash);
      REQUIRE(place.block == 5);
      words.push_back(place.word(each));
      expected[hash] |= summary_layout::bit_of(each);
    }
  }
  std::string block;
  write_summary(words, block);
  CHECK(block.size() <= 2 * 512);
  for (const auto& [hash, ranges] : expected) {
    const auto found = find_in_summary(block, summary_place::of(layout.ranges, hash).remainder);
    REQUIRE(found);
    CHECK((*found & ranges) == ranges);
  }
  int for_nothing = 0;
  for (std::uint16_t remainder = 0; remainder < 4'096; ++remainder)
    for_nothing += *find_in_summary(block, remainder) != 0 ? 1 : 0;
  CHECK(for_nothing <= 256);
  CHECK_FALSE(find_in_summary(block.substr(1), 0));
  CHECK(find_in_summary({}, 0) == range_mask{0});
}

TEST_CASE("the blocks of a group are those of its ranges, each in sixteen parts") {
  const lookup_layout ranges{GENERATE(16u, 512u, 262'144u)};
  const summary_layout layout{ranges};
  CHECK(layout.blocks() == 16 * ranges.blocks());
  for (std::uint64_t hash = 1; hash < 1ull << 62; hash *= 3) {
    const auto place = summary_place::of(ranges, hash);
    CHECK(place.block / 16 == ranges.block_of(hash));
    CHECK(place.block < layout.blocks());
    CHECK(place.remainder < 4'096);
  }
  CHECK(layout.row_of(1, lookup_kind::key, 0) ==
        layout.row_of(0, lookup_kind::id, layout.blocks() - 1) + 1);
}
