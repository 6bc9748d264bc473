// What is written as bytes into the PostgreSQL store is read back the same, and nothing else is.
#include "journal/postgres/identity_bucket.hpp"
#include "journal/postgres/pg_commit_codec.hpp"
#include "journal/postgres/pg_saved.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <random>

using namespace skein;
using namespace skein::journal;
using namespace std::chrono_literals;

TEST_CASE("accepted events are read back, and bytes that were cut are not") {
  std::string bytes;
  accepted_entry entry{{{1, 2}, 3}, shard_id{300}, {}, true, false};
  entry.deliveries.add(agent_no{7});
  entry.deliveries.add(agent_no{65'535});
  append_accepted(bytes, entry);
  std::string_view left = bytes;
  const auto read = take_accepted(left);
  REQUIRE(read);
  CHECK(left.empty());
  CHECK(read->known_by.identity == hash128{1, 2});
  CHECK(read->known_by.content == 3);
  CHECK(read->shard == shard_id{300});
  CHECK(read->deliveries == entry.deliveries);
  CHECK(read->delayed);
  CHECK_FALSE(read->expires);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    std::string_view part = std::string_view{bytes}.substr(0, size);
    CHECK_FALSE(take_accepted(part));
  }
}

TEST_CASE("the pending events of a shard are read back with the codes of another book") {
  route_book mine, theirs;
  delivery_list one, two;
  one.add(agent_no{1});
  two.add(agent_no{1});
  two.add(agent_no{2});
  theirs.code_of(two);
  placed_marks marks{{3, {1, 9, pending_mark::tag_of(mine.code_of(one), false, true)}},
                     {700, {3, 9, pending_mark::tag_of(mine.code_of(two), true, false)}},
                     {701, {1, 9, pending_mark::tag_of(0, false, false)}}};
  const std::string bytes = pack_shard_marks(marks, mine);
  const auto read = unpack_shard_marks(bytes, 262'144, theirs);
  REQUIRE(read);
  REQUIRE(read->size() == 3);
  CHECK(*theirs.find((*read)[0].mark.route()) == one);
  CHECK(*theirs.find((*read)[1].mark.route()) == two);
  CHECK((*read)[0].mark.expires());
  CHECK_FALSE((*read)[0].mark.delayed());
  CHECK((*read)[1].mark.delayed());
  CHECK_FALSE((*read)[1].mark.expires());
  CHECK((*read)[1].mark.live == 3);
  CHECK((*read)[2].mark.route() == 0);
  CHECK_FALSE(unpack_shard_marks(std::string_view{bytes}.substr(1), 262'144, theirs));
}

TEST_CASE("a bucket of identities finds what a map finds, over time and what is taken back") {
  std::mt19937_64 random{7};
  identity_bucket bucket;
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::pair<std::uint64_t, instant>> expected;
  std::uint64_t sequence = 0;
  instant now = from_ns(1'000'000'000'000);
  for (int step = 0; step < 20'000; ++step) {
    now += 1ms;
    const hash128 identity{random() % 7, random() % 300};
    const instant oldest = now - 5s;
    const auto known = expected.find({identity.high, identity.low});
    const bool is_known = known != expected.end() && known->second.second > oldest;
    const auto* found = bucket.find(identity, oldest);
    REQUIRE((found != nullptr) == is_known);
    if (is_known) {
      REQUIRE(found->sequence == known->second.first);
      continue;
    }
    bucket.insert({identity, 1, ++sequence, now});
    if (random() % 10 == 0) {
      REQUIRE(bucket.take_back(sequence));
      REQUIRE_FALSE(bucket.take_back(sequence));
      continue;
    }
    expected[{identity.high, identity.low}] = {sequence, now};
    if (random() % 3 == 0)
      while (bucket.expire(oldest))
        ;
  }
  CHECK(bucket.size() > 100);
}
