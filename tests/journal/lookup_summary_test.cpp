// Summaries of the index of look-ups on disk: when they are made, what they save, what becomes of
// them at a restart, with damage and when their ranges are dropped.
#include "journal/lookup_index.hpp"
#include "tests/journal/indexed_store.hpp"

using namespace skein;
using namespace skein::test;

namespace {

constexpr std::uint64_t group_events = indexed_store::range_events * summary_layout::group_ranges;

std::int64_t groups_of(const indexed_store& store) {
  return store.number("SELECT count(*) FROM lookup_group");
}
std::int64_t rows_of(const indexed_store& store) {
  return store.number("SELECT count(*) FROM lookup_summary");
}

} // namespace

TEST_CASE("sixteen ranges that have an index get a summary, and only they") {
  indexed_store store;
  store.add_many(group_events - 2); // there is no event 0
  store.keep_up();
  CHECK(store.indexed() == 15);
  CHECK(groups_of(store) == 0);
  store.add_many(1);
  store.keep_up();
  CHECK(store.indexed() == 16);
  CHECK(groups_of(store) == 1);
  CHECK(rows_of(store) == 32);
  store.add_many(group_events + 20);
  store.keep_up();
  CHECK(groups_of(store) == 2);
  CHECK(store.problems().empty());
}

TEST_CASE("a search asks only those ranges that a summary names") {
  indexed_store store;
  store.add_many(group_events + 20);
  store.keep_up();
  store.number("DELETE FROM lookup WHERE no / 2 NOT IN (1, 16)");
  const event_page one = store.list({.id = indexed_store::id(20)}); // of range 1
  REQUIRE(one.events.size() == 1);
  CHECK(one.scanned == 1);
  CHECK(store.list({.id = "absent"}).scanned == 0);
  CHECK(store.list({.key = "absent"}).scanned == 0);
  CHECK(store.list({.key = "k1", .limit = 1'000}).events.size() == (group_events + 20) / 3);
}

TEST_CASE("at every step, and when it starts anew at any, what is said of summaries holds") {
  indexed_store store;
  const int steps_a_start = GENERATE(1, 2, 3, 5);
  store.add_many(group_events);
  bool more = true;
  for (int i = 1; more && i < 200; ++i) {
    more = must(store.store->upkeep(store.now));
    REQUIRE(store.problems().empty());
    REQUIRE(store.list({.id = indexed_store::id(20)}).events.size() == 1);
    if (i % steps_a_start == 0 && i < 100)
      store.open();
  }
  CHECK(groups_of(store) == 1);
  CHECK(store.list({.id = "absent"}).scanned == 0);
}

TEST_CASE("a store from before the summaries gets them") {
  indexed_store store;
  store.add_many(2 * group_events + 5);
  store.keep_up();
  must(store.store->close());
  store.view.reset();
  store.store.reset();
  store.number("DROP TABLE lookup_group");
  store.number("DROP TABLE lookup_summary");
  store.number("ALTER TABLE timer DROP COLUMN crc");
  store.number("PRAGMA user_version = 5");
  store.open();
  CHECK(groups_of(store) == 0);
  CHECK(store.list({.id = indexed_store::id(20)}).events.size() == 1);
  store.keep_up();
  CHECK(groups_of(store) == 2);
  CHECK(store.list({.id = indexed_store::id(20)}).scanned == 1);
  CHECK(store.problems().empty());
}

TEST_CASE("a lost or damaged block of a summary is told, made up for by the ranges, built again") {
  indexed_store store;
  store.add_many(group_events + 20);
  store.keep_up();
  const std::string sixteen = " WHERE no BETWEEN 16 AND 31"; // of the ids
  const std::string damage = GENERATE(
      as<std::string>{}, "DELETE FROM lookup_summary", "UPDATE lookup_summary SET words = x''",
      "UPDATE lookup_summary SET words = (SELECT words FROM lookup_summary WHERE no = 3)",
      "UPDATE lookup_summary SET crc = crc + 1");
  INFO(damage);
  store.number(damage + sixteen);
  REQUIRE(store.problems().size() == 1);
  CHECK(store.problems()[0].find("the summary of look-ups of ranges 0 to 15 is damaged") !=
        std::string::npos);
  const event_page page = store.list({.id = indexed_store::id(20)});
  CHECK(page.events.size() == 1);
  CHECK(page.scanned == 1);
  store.keep_up();
  CHECK(store.problems().empty());
  CHECK(groups_of(store) == 1);
}

TEST_CASE("a whole summary that leaves an event out is told") {
  indexed_store store;
  store.add_many(group_events);
  store.keep_up();
  REQUIRE(groups_of(store) == 1);
  for (int row = 16; row < 32; ++row)
    store.number("UPDATE lookup_summary SET words = x'', crc = " +
                 std::to_string(stored_crc(block_crc(row, {}))) +
                 " WHERE no = " + std::to_string(row));
  CHECK(store.problems().size() == 1);
}

TEST_CASE("a damaged block of a range is built again before it goes into a summary") {
  indexed_store store;
  store.add_many(group_events);
  store.keep_up();
  store.number("DELETE FROM lookup_group");
  store.number("UPDATE lookup SET entries = x'' WHERE no = 9");
  store.open();
  store.keep_up();
  CHECK(store.indexed() == 16);
  CHECK(groups_of(store) == 1);
  CHECK(store.problems().empty());
  CHECK(store.list({.id = indexed_store::id(4 * 16 + 3)}).scanned == 1); // of range 4
}

TEST_CASE("a summary goes with the last of its ranges, and the next one stays") {
  indexed_store store;
  store.add_many(2 * group_events + 20);
  store.keep_up();
  REQUIRE(groups_of(store) == 2);
  must(store.store->close());
  const hash_settings hash = store.store->identity().hash;
  store.view.reset();
  store.store.reset();
  guarded_vfs guard{""};
  auto db = must(database::open(store.path + "/journal.db", {.write = true, .vfs = guard.name()}));
  sqlite_writer writer{std::move(db), guard, limits::journal_wal_bytes};
  must(writer.prepare_transactions());
  lookup_index index{writer, hash, lookup_layout{indexed_store::range_events},
                     2 * group_events + 21};
  for (std::uint64_t range = 0; range < summary_layout::group_ranges; ++range) {
    CHECK(groups_of(store) == 2);
    index.leave_out_below(range + 1);
    while (must(index.step()))
      ;
  }
  CHECK(groups_of(store) == 1);
  CHECK(rows_of(store) == 32);
  CHECK(store.number("SELECT min(no) FROM lookup_summary") == 32);
  while (must(index.step()))
    ;
  CHECK(groups_of(store) == 1); // not made again
  CHECK(store.problems().empty());
}

TEST_CASE("a summary of ranges of another size is not used") {
  indexed_store store;
  store.add_many(group_events);
  store.keep_up();
  store.number("UPDATE lookup_group SET size = 8");
  store.number("UPDATE lookup_summary SET words = x''");
  CHECK(store.list({.id = indexed_store::id(20)}).scanned == 1);
  store.open();
  store.keep_up();
  CHECK(store.number("SELECT count(*) FROM lookup_group WHERE size = 16") == 1);
  CHECK(store.problems().empty());
}
