// The index of look-ups on disk: when it is built, what becomes of it at a restart, what is done
// about damage, and that events whose hashes collide are told apart.
#include "journal/lookup_index.hpp"
#include "tests/journal/chained_store.hpp"
#include "tests/journal/indexed_store.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <fstream>
#include <iterator>
#include <thread>
#include <unordered_map>

using namespace skein;
using namespace skein::test;

constexpr std::uint64_t range_events = indexed_store::range_events;

TEST_CASE("a range is indexed when it has closed, and a search then reads no other row") {
  indexed_store store;
  store.add_many(14); // there is no event 0: one more fills the range
  store.keep_up();
  CHECK(store.indexed() == 0);
  store.add_many(1);
  store.keep_up();
  CHECK(store.indexed() == 1);
  store.add_many(50);
  store.keep_up();
  CHECK(store.indexed() == 4);
  CHECK(store.number("SELECT count(*) FROM lookup") == 8);
  const event_page one = store.list({.id = indexed_store::id(7)});
  REQUIRE(one.events.size() == 1);
  CHECK(one.events[0].event.sequence == 8);
  CHECK(one.scanned == 1);
  CHECK(store.list({.key = "k1"}).scanned == 22);
  CHECK(store.list({.id = "absent"}).scanned == 0);
  CHECK(store.problems().empty());
}

TEST_CASE("after a start a search reads the rows that no index has, until their hashes are known") {
  indexed_store store;
  store.add_many(16 * 3 + 5);
  if (GENERATE(true, false))
    store.keep_up();
  const std::int64_t indexed = store.indexed();
  store.open();
  const event_page before = store.list({.id = indexed_store::id(40)});
  CHECK(before.events.size() == 1);
  CHECK(before.scanned >= 6);
  store.add_many(2);
  CHECK(store.list({.id = indexed_store::id(54)}).events.size() == 1);
  store.keep_up();
  CHECK(store.indexed() == 3);
  CHECK(store.list({.id = indexed_store::id(40)}).scanned == 1);
  CHECK(store.list({.id = indexed_store::id(49)}).scanned ==
        1); // of the open range, from before the start
  CHECK(store.list({.id = "absent"}).scanned == 0);
  CHECK(indexed <= 3);
  store.add_many(16);
  store.keep_up();
  CHECK(store.indexed() == 4);
  CHECK(store.problems().empty());
}

TEST_CASE("a store from before the index gets it, the newest range first") {
  indexed_store store;
  store.add_many(16 * 12);
  store.keep_up();
  REQUIRE(store.indexed() == 12);
  store.view.reset();
  store.store.reset();
  CHECK(store.number("DELETE FROM lookup") == 0);
  CHECK(store.number("DELETE FROM lookup_range") == 0);
  store.open();
  int steps = 0;
  while (store.indexed() == 0 && ++steps < 100)
    must(store.store->upkeep(store.now));
  CHECK(store.number("SELECT no FROM lookup_range") == 11);
  store.keep_up();
  CHECK(store.indexed() == 12);
  CHECK(store.list({.id = indexed_store::id(3)}).scanned == 1);
  CHECK(store.problems().empty());
}

TEST_CASE("more closed ranges than memory holds are read from their rows again") {
  indexed_store store;
  store.add_many(range_events * (limits::lookup_ranges_in_memory + 4)); // without an upkeep
  const event_page oldest = store.list({.id = indexed_store::id(1)});
  CHECK(oldest.events.size() == 1);
  CHECK(oldest.scanned > 1); // by its row
  // Five of the thirteen ranges are not in memory.
  CHECK(store.list({.id = indexed_store::id(store.added - 1)}).scanned == 5 * range_events);
  store.keep_up();
  CHECK(store.indexed() == limits::lookup_ranges_in_memory + 4);
  CHECK(store.list({.id = indexed_store::id(1)}).scanned == 1);
  CHECK(store.problems().empty());
}

TEST_CASE("events whose hashes collide in the index are told apart") {
  indexed_store store;
  const lookup_layout layout{range_events};
  std::unordered_map<std::uint32_t, std::string> seen;
  std::string one;
  std::string other;
  for (int i = 0; one.empty(); ++i) { // 24 bits: one of some thousands
    const std::string text = "c" + std::to_string(i);
    const auto [at, is_new] =
        seen.emplace(layout.remainder_of(lookup_hash(text, store.store->identity().hash)), text);
    if (!is_new) {
      one = at->second;
      other = text;
    }
  }
  const std::uint64_t of_one = store.add(one, other);
  const std::uint64_t of_other = store.add(other, one);
  store.add_many(20);
  store.keep_up();
  REQUIRE(store.indexed() == 1);
  for (const auto& [filter, expected] : {std::pair{event_filter{.id = one}, of_one},
                                         {event_filter{.id = other}, of_other},
                                         {event_filter{.key = other}, of_one},
                                         {event_filter{.key = one}, of_other}}) {
    const event_page page = store.list(filter);
    REQUIRE(page.events.size() == 1);
    CHECK(page.events[0].event.sequence == expected);
    CHECK(page.scanned == 2); // the other one was a candidate
  }
}

TEST_CASE("a lost or damaged block is told, made up for by the rows and built again") {
  indexed_store store;
  store.add_many(40);
  store.keep_up();
  REQUIRE(store.indexed() == 2);
  const std::string damage =
      GENERATE(as<std::string>{}, "DELETE FROM lookup WHERE no = 3",
               "UPDATE lookup SET entries = x'' WHERE no = 3",
               "UPDATE lookup SET entries = (SELECT entries FROM lookup WHERE no = 1) WHERE no = 3",
               "UPDATE lookup SET crc = crc + 1 WHERE no = 3");
  INFO(damage);
  store.number(damage);
  REQUIRE(store.problems().size() == 1);
  CHECK(store.problems()[0].find("the index of look-ups of range 1 is damaged") !=
        std::string::npos);
  const event_page page = store.list({.id = indexed_store::id(20)});
  CHECK(page.events.size() == 1);
  CHECK(page.scanned == 16);
  store.keep_up();
  CHECK(store.problems().empty());
  CHECK(store.list({.id = indexed_store::id(20)}).scanned == 1);
}

TEST_CASE("a whole block that leaves an event out is told") {
  indexed_store store;
  store.add_many(40);
  store.keep_up();
  const std::int64_t crc = block_crc(3, {});
  store.number("UPDATE lookup SET entries = x'', crc = " +
               std::to_string(static_cast<std::int32_t>(crc)) + " WHERE no = 3");
  CHECK(store.problems().size() == 1);
}

TEST_CASE("events that cannot be read leave their range without an index, and the store at work") {
  indexed_store store;
  store.data.assign(3'000, 'x'); // two events a page
  store.add_many(40);
  must(store.store->close());
  store.view.reset();
  store.store.reset();
  {
    std::fstream file{store.path + "/journal.db", std::ios::in | std::ios::out | std::ios::binary};
    const std::string bytes{std::istreambuf_iterator<char>{file}, {}};
    const std::size_t at = bytes.find("event-19-");
    REQUIRE(at != std::string::npos);
    file.seekp(
        static_cast<std::streamoff>(at / limits::journal_page_bytes * limits::journal_page_bytes));
    file.write("damaged!", 8);
  }
  store.open();
  store.keep_up();
  CHECK(store.indexed() == 1); // not the range with the damage
  CHECK(store.list({.id = indexed_store::id(35), .limit = 1}).events.size() == 1);
  CHECK_FALSE(store.view->list({.id = indexed_store::id(25), .limit = 1'000}).ok());
  store.add_many(10);
  store.keep_up();
  CHECK(store.indexed() == 2);
}

TEST_CASE("a damaged page of the index does not stop the store, and look-ups read the rows") {
  indexed_store store;
  store.add_many(300);
  store.keep_up();
  must(store.store->close());
  store.view.reset();
  store.store.reset();
  const std::string table =
      GENERATE(as<std::string>{}, "lookup", "lookup_range", "lookup_group", "lookup_summary");
  const auto page = store.number("SELECT rootpage FROM sqlite_schema WHERE name = '" + table + "'");
  {
    std::fstream file{store.path + "/journal.db", std::ios::in | std::ios::out | std::ios::binary};
    file.seekp(static_cast<std::streamoff>(page - 1) *
               static_cast<std::streamoff>(limits::journal_page_bytes));
    file.write("damaged!", 8);
  }
  store.open();
  CHECK(store.list({.id = indexed_store::id(20)}).events.size() == 1);
  store.add_many(40);
  store.keep_up();
  CHECK(store.list({.id = indexed_store::id(20)}).events.size() == 1);
  CHECK(store.list({.key = "k0", .limit = 1'000}).events.size() == 114);
  store.add_many(1);
  store.keep_up();
  CHECK_FALSE(store.problems().empty());
}

TEST_CASE("a range of another size is indexed anew") {
  indexed_store store;
  store.add_many(40);
  store.keep_up();
  store.number("UPDATE lookup_range SET size = 8");
  store.open();
  CHECK(store.list({.id = indexed_store::id(20)}).events.size() == 1);
  store.keep_up();
  CHECK(store.number("SELECT count(*) FROM lookup_range WHERE size = 16") == 2);
  CHECK(store.problems().empty());
}

TEST_CASE("a range's index is dropped in steps, and the others stay") {
  indexed_store store;
  store.add_many(50);
  store.keep_up();
  must(store.store->close());
  const hash_settings hash = store.store->identity().hash;
  store.view.reset();
  store.store.reset();
  {
    guarded_vfs guard{""};
    auto db =
        must(database::open(store.path + "/journal.db", {.write = true, .vfs = guard.name()}));
    sqlite_writer writer{std::move(db), guard, limits::journal_wal_bytes};
    must(writer.prepare_transactions());
    lookup_index index{writer, hash, lookup_layout{range_events}, 51};
    index.leave_out_below(2);
    while (must(index.step()))
      ;
  }
  CHECK(store.indexed() == 1); // not built again
  CHECK(store.number("SELECT count(*) FROM lookup") == 2);
  CHECK(store.number("SELECT count(*) FROM lookup WHERE no < 4") == 0);
  CHECK(store.problems().empty());
}

TEST_CASE("ranges that were swept before a start lose what is left of their index, and get none") {
  indexed_store store;
  store.add_many(16 * 36);
  store.keep_up();
  REQUIRE(store.number("SELECT count(*) FROM lookup_group") == 2);
  must(store.store->close());
  const hash_settings hash = store.store->identity().hash;
  store.view.reset();
  store.store.reset();
  store.number("DELETE FROM lookup_range WHERE no = 0"); // the process ended in the middle of it
  guarded_vfs guard{""};
  auto db = must(database::open(store.path + "/journal.db", {.write = true, .vfs = guard.name()}));
  sqlite_writer writer{std::move(db), guard, limits::journal_wal_bytes};
  must(writer.prepare_transactions());
  lookup_index index{writer, hash, lookup_layout{range_events}, 16 * 36 + 1, 16 * 20 + 3};
  while (must(index.step()))
    ;
  CHECK_FALSE(index.take_trouble());
  CHECK(store.number("SELECT min(no) FROM lookup_range") == 20);
  CHECK(store.number("SELECT min(no) FROM lookup") == 40);
  CHECK(store.number("SELECT count(*) FROM lookup_group") == 1);
  CHECK(store.number("SELECT min(no) FROM lookup_summary") > 0);
}

TEST_CASE("a damaged index stops no step that drops what is old, and is told") {
  indexed_store store;
  store.add_many(300);
  store.keep_up();
  must(store.store->close());
  const hash_settings hash = store.store->identity().hash;
  store.view.reset();
  store.store.reset();
  const std::string table =
      GENERATE(as<std::string>{}, "lookup", "lookup_range", "lookup_group", "lookup_summary");
  INFO(table);
  const auto page = store.number("SELECT rootpage FROM sqlite_schema WHERE name = '" + table + "'");
  {
    std::fstream file{store.path + "/journal.db", std::ios::in | std::ios::out | std::ios::binary};
    file.seekp(static_cast<std::streamoff>(page - 1) *
               static_cast<std::streamoff>(limits::journal_page_bytes));
    file.write("damaged!", 8);
  }
  guarded_vfs guard{""};
  auto db = must(database::open(store.path + "/journal.db", {.write = true, .vfs = guard.name()}));
  sqlite_writer writer{std::move(db), guard, limits::journal_wal_bytes};
  must(writer.prepare_transactions());
  lookup_index index{writer, hash, lookup_layout{range_events}, 301};
  std::optional<error> trouble;
  for (const std::uint64_t below : {2u, 17u}) {
    index.leave_out_below(below);
    while (must(index.step()))
      ;
    if (auto met = index.take_trouble())
      trouble = met;
  }
  REQUIRE(trouble);
  CHECK(trouble->code == errc::store_corrupt);
  CHECK_FALSE(writer.stopped());
}

TEST_CASE("an index that a disk does not give for a while is gone on with later") {
  chained_store chained;
  chained.options.range_events = 16;
  must(chained.open());
  chained.commit_some(60);
  while (must(chained.store->upkeep(chained.now)))
    ;
  chained.close();
  std::size_t at = 0;
  {
    auto db = must(database::open(chained.file(), {.write = true, .vfs = chained.disk.name()}));
    at = (static_cast<std::size_t>(
              must(db.number("SELECT rootpage FROM sqlite_schema WHERE name = 'lookup_range'"))) -
          1) *
         limits::journal_page_bytes;
  }
  must(chained.open());
  chained.disk.make_unreadable(chained.file(), at, at + 1);
  must(chained.store->upkeep(chained.now));
  const auto notes = chained.store->take_notes();
  REQUIRE(notes.size() == 1);
  CHECK(notes[0].find("the index of look-ups") != std::string::npos);
  CHECK(chained.store->counters().unreadable > 0);
  chained.disk.make_unreadable({}, 0, 0);
  chained.commit_some(60);
  while (must(chained.store->upkeep(chained.now)))
    ;
  CHECK(chained.store->take_notes().empty());
  chained.close();
  CHECK(must(verify_sqlite(chained.path, chained.disk.name())).problems.empty());
  auto db = must(database::open(chained.file(), {.write = true, .vfs = chained.disk.name()}));
  CHECK(must(db.number("SELECT count(*) FROM lookup_range")) ==
        must(db.number("SELECT max(no) / 16 FROM event")));
}

TEST_CASE("look-ups beside a writer miss nothing that was committed before them") {
  indexed_store store;
  std::atomic<std::size_t> committed = 0;
  std::atomic<bool> over = false;
  std::thread looking{[&] {
    while (!over) {
      const std::size_t known = committed;
      const auto by_key = store.view->list({.key = "k0", .limit = 1'000});
      const auto by_id = store.view->list({.id = indexed_store::id(known == 0 ? 0 : known - 1)});
      if (!by_key || by_key->events.size() < (known + 2) / 3 || !by_id ||
          by_id->events.size() != (known == 0 ? by_id->events.size() : 1)) {
        over = true;
        committed = 1'000'000;
      }
    }
  }};
  while (committed < 600 && !over) {
    store.add_many(1);
    ++committed;
    if (committed % 3 == 0)
      must(store.store->upkeep(store.now));
  }
  CHECK_FALSE(over);
  over = true;
  looking.join();
  CHECK(committed == 600);
}
