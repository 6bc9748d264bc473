// Tables that can be made anew from others: no damage to one, and no sector under it, stops a store
// that runs or keeps one from starting.
#include "journal/derived_table.hpp"
#include "journal/sqlite_verify.hpp"
#include "tests/journal/chained_store.hpp"

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

namespace {

/// Random batches and upkeep; a page of a table is damaged while it is closed.
class torn_store {
 public:
  chained_store chained;

  torn_store() {
    chained.options.range_events = 64;
    chained.options.dedupe_window = chained.options.retention = 30s;
    must(chained.open());
    must(chained.store->recover([](const pending_event&) {}));
    work(100);
    event value;
    value.id = "expires";
    value.source = "/s";
    value.type = "t";
    value.set_extension(std::string{attribute::expires}, "+9000h");
    accept_op op;
    op.event = must(offer(value, chained.store->identity().hash, {}, chained.now));
    op.deliveries.add(agent_no{0});
    chained.commit({op});
    work(5);
    while (must(chained.store->upkeep(chained.now)))
      ;
  }
  void work(int batches) {
    for (int i = 0; i < batches; i += 5) {
      chained.commit_some(5);
      must(chained.store->upkeep(chained.now));
    }
  }
  std::vector<std::string> pending() {
    std::vector<std::string> all;
    must(chained.store->recover([&](const pending_event& each) {
      all.push_back(to_string(each.event) + (each.sleeps ? " sleeps" : ""));
    }));
    return all;
  }
  std::size_t root_of(const std::string& table) {
    auto db = must(database::open(chained.file(), {.write = true, .vfs = chained.disk.name()}));
    return (static_cast<std::size_t>(must(
                db.number("SELECT rootpage FROM sqlite_schema WHERE name = '" + table + "'"))) -
            1) *
           limits::journal_page_bytes;
  }
  void tear(const std::string& table) {
    const std::size_t at = root_of(table);
    chained.disk.bytes(chained.file()).replace(at, 8, "damaged!");
  }
  std::vector<timer> timers() {
    timer_query all;
    all.until = instant::max();
    return must(must(chained.store->new_reader())->timers(all)).timers;
  }
  /// Those of what is pending.
  static bool has_all(const std::vector<timer>& all, const std::vector<timer>& of) {
    return std::all_of(of.begin(), of.end(), [&](const timer& each) {
      return std::find(all.begin(), all.end(), each) != all.end();
    });
  }
  bool has_note(const std::vector<std::string>& notes, const std::string& words) {
    return std::any_of(notes.begin(), notes.end(), [&](const std::string& each) {
      return each.find(words) != std::string::npos;
    });
  }
};

} // namespace

TEST_CASE("a table that can be made anew and cannot be read keeps no store from starting") {
  torn_store store;
  store.chained.close();
  must(store.chained.open());
  const auto before = store.pending();
  const auto timers = store.timers();
  store.chained.close();
  const std::string table =
      GENERATE(as<std::string>{}, "timer", "pending_range", "pending_saved", "route", "late");
  const bool is_sector = GENERATE(false, true);
  INFO(table << (is_sector ? " on a bad sector" : " damaged"));
  if (is_sector)
    store.chained.disk.make_unreadable(store.chained.file(), store.root_of(table),
                                       store.root_of(table) + 1);
  else
    store.tear(table);
  must(store.chained.open());
  CHECK(store.pending() == before);
  store.work(60);
  for (int i = 0; i < 40; ++i)
    must(store.chained.store->upkeep(store.chained.now += 1s));
  const auto notes = store.chained.store->take_notes();
  for (const std::string& each : notes)
    UNSCOPED_INFO(each);
  CHECK(store.has_note(notes, "was saved of"));
  CHECK(must(store.chained.store->events_ledger()).balanced());
  const auto after_work = store.timers();
  store.chained.close();
  must(store.chained.open());
  CHECK(store.has_all(store.timers(), after_work));
  store.pending();
  for (const std::string& each : store.chained.store->take_notes()) {
    INFO(each);
    CHECK(each.find("retention") != std::string::npos);
  }
}

TEST_CASE(
    "a damaged page of the times stops neither a commit nor the upkeep of a store that runs") {
  torn_store store;
  store.chained.close();
  must(store.chained.open());
  store.pending();
  const auto timers = store.timers();
  REQUIRE(timers.size() > 5);
  store.chained.drop(); // what it has read of the file
  must(store.chained.open());
  // Found by a commit, by the upkeep or by a reader.
  store.chained.store->take_notes();
  must(store.chained.store->recover([](const pending_event&) {}));
  {
    auto db = must(
        database::open(store.chained.file(), {.write = true, .vfs = store.chained.disk.name()}));
    must(db.run("UPDATE timer SET at = at + 1000000 WHERE no % 2 = 0"));
  }
  auto view = must(store.chained.store->new_reader());
  timer_query all;
  all.until = instant::max();
  const auto told = view->timers(all);
  REQUIRE_FALSE(told.ok());
  CHECK(told.error().code == errc::store_corrupt);
  must(store.chained.store->upkeep(store.chained.now));
  CHECK(store.has_note(store.chained.store->take_notes(), "the times of pending events"));
  const auto mended = must(view->timers(all)).timers;
  CHECK(mended.size() > 2);
  CHECK(store.has_all(timers, mended));
  store.work(20);
}

TEST_CASE("one changed bit of a time or an expiry is found at a start and by whoever reads it") {
  torn_store store;
  store.chained.close();
  must(store.chained.open());
  store.pending();
  const auto timers = store.timers();
  store.chained.close();
  const auto damage = GENERATE(
      as<std::string>{}, "UPDATE timer SET at = at + 1", "UPDATE timer SET shard = shard + 1",
      "UPDATE timer SET crc = NULL", "UPDATE timer SET no = no + 100000",
      "DELETE FROM timer WHERE kind = 1", "UPDATE timer SET at = at - 1 WHERE kind = 1");
  INFO(damage);
  store.chained.sql(damage);
  CHECK_FALSE(must(verify_sqlite(store.chained.path, store.chained.disk.name())).problems.empty());
  must(store.chained.open());
  store.pending();
  const auto notes = store.chained.store->take_notes();
  REQUIRE(store.has_note(notes, "the times of pending events is damaged"));
  CHECK(store.has_all(timers, store.timers()));
  store.chained.close();
  must(store.chained.open());
  store.pending();
  CHECK(store.chained.store->take_notes().empty());
}

TEST_CASE("times of before their checksums are taken as they are") {
  torn_store store;
  store.chained.close();
  must(store.chained.open());
  const auto pending = store.pending();
  const auto timers = store.timers();
  store.chained.close();
  store.chained.sql("ALTER TABLE timer DROP COLUMN crc; UPDATE commits SET no = no WHERE no = 1; "
                    "PRAGMA user_version = 6; UPDATE pending_saved SET routes = routes");
  CHECK(must(verify_sqlite(store.chained.path, store.chained.disk.name())).problems.empty());
  must(store.chained.open());
  CHECK(store.pending() == pending);
  CHECK(store.chained.store->take_notes().empty());
  CHECK(store.timers() == timers);
}

namespace {

/// Pending events in three ranges, saved; open, with nothing of the file read.
class three_ranges {
 public:
  chained_store chained;
  int added = 0;

  three_ranges() {
    chained.options.range_events = 16;
    must(chained.open());
    for (int i = 0; i < 40; ++i)
      add();
    chained.close();
    reopen();
  }
  std::uint64_t add(const std::string& due = {}) {
    event value;
    value.id = "id-" + std::to_string(++added);
    value.source = "/s";
    value.type = "t";
    if (!due.empty())
      value.set_extension(std::string{attribute::due}, due);
    accept_op op;
    op.event = must(offer(value, chained.store->identity().hash, {}, chained.now));
    op.deliveries.add(agent_no{0});
    return chained.commit({op}).results.at(0).event.sequence;
  }
  std::size_t reopen() {
    must(chained.open());
    std::size_t told = 0;
    must(chained.store->recover([&](const pending_event&) { ++told; }));
    return told;
  }
  void tear(const std::string& table) {
    std::size_t at = 0;
    {
      auto db = must(database::open(chained.file(), {.write = true, .vfs = chained.disk.name()}));
      at = static_cast<std::size_t>(
          must(db.number("SELECT rootpage FROM sqlite_schema WHERE name = '" + table + "'")) - 1);
    }
    chained.disk.bytes(chained.file()).replace(at * limits::journal_page_bytes, 8, "damaged!");
    chained.sql("UPDATE commits SET no = no WHERE no = 1"); // what was read is read anew
  }
  std::size_t listed() {
    event_filter filter;
    filter.state = delivery_state::pending;
    filter.limit = 100;
    return must(must(chained.store->new_reader())->list(filter)).events.size();
  }
};

} // namespace

TEST_CASE("a pending set that is saved anew has the ranges that did not change since, too") {
  three_ranges store;
  store.tear("pending_range");
  store.add();
  must(store.chained.store->upkeep(store.chained.now += 2s));
  CHECK(store.chained.store->take_notes().size() == 1);
  CHECK(store.listed() == 41);
  store.chained.close();
  CHECK(store.reopen() == 41);
  CHECK(store.chained.store->take_notes().empty());
  CHECK(store.listed() == 41);
}

TEST_CASE("a saved range that a reader finds damaged is saved anew, whether it changed or not") {
  three_ranges store;
  store.chained.sql("UPDATE pending_range SET crc = crc + 1 WHERE no = 0");
  store.chained.sql("UPDATE event SET key = 'other' WHERE no = 3");
  store.add(); // a range that changes
  auto view = must(store.chained.store->new_reader());
  const std::vector<std::uint64_t> some{2, 3, 4};
  CHECK_FALSE(view->pending(some).ok());
  must(store.chained.store->upkeep(store.chained.now += 2s));
  const auto told = must(view->pending(some));
  REQUIRE(told.size() == 3);
  CHECK(told[1].damage.code == errc::store_corrupt);
  CHECK(store.chained.store->take_notes().size() == 1);
}

TEST_CASE("times that are made anew by a commit have none of what it brings") {
  three_ranges store;
  const std::uint64_t before = store.add("+1h");
  store.chained.close();
  store.reopen();
  store.tear("timer");
  const std::uint64_t brought = store.add("+10s"); // as loops have not come to yet
  timer_query all;
  all.until = instant::max();
  const auto times = must(must(store.chained.store->new_reader())->timers(all)).timers;
  REQUIRE(times.size() == 2);
  CHECK(times[0].event.sequence == brought);
  CHECK(times[1].event.sequence == before);
}
