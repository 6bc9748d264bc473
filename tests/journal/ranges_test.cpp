// The saved pending set of the SQLite engine: a start knows what is pending from it and the commits
// after it; what is damaged of it is made anew and told; damage of the small tables is refused.
#include "journal/pending_codec.hpp"
#include "journal/saved_marks.hpp"
#include "journal/sqlite_verify.hpp"
#include "tests/journal/chained_store.hpp"

#include <sqlite3.h>

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

namespace {

/// What is pending after a start, and what the start had to say.
struct started {
  std::vector<std::string> pending;
  std::vector<std::string> notes;
};

class ranged_store {
 public:
  chained_store chained;

  ranged_store() { chained.options.range_events = 64; }

  /// Random batches, an upkeep after every fifth.
  void work(int batches) {
    for (int i = 0; i < batches; i += 5) {
      chained.commit_some(5);
      must(chained.store->upkeep(chained.now));
    }
  }
  started start() {
    must(chained.open());
    started found;
    must(chained.store->recover([&](const pending_event& each) {
      std::string text = to_string(each.event) + " live " + std::to_string(each.live) + " of";
      for (const agent_no agent : each.deliveries)
        text += ' ' + std::to_string(raw(agent));
      found.pending.push_back(text + (each.sleeps ? " sleeps" : ""));
    }));
    found.notes = chained.store->take_notes();
    return found;
  }
  /// As if nothing had been saved: from the rows.
  started start_from_rows() {
    chained.drop();
    chained.sql("DELETE FROM pending_saved");
    return start();
  }
};

std::vector<std::string> problems(const chained_store& of) {
  return must(verify_sqlite(of.path, of.disk.name())).problems;
}

} // namespace

TEST_CASE("a start knows the same from the saved ranges as from the rows, and says nothing") {
  ranged_store store;
  // One range at a time: some are left over from save to save.
  store.chained.range_save_bytes = GENERATE(std::size_t{1}, limits::range_save_bytes);
  must(store.chained.open());
  store.work(60);
  store.chained.commit_some(4); // after the last save
  if (GENERATE(false, true))
    store.chained.close();
  else
    store.chained.drop();
  const started saved = store.start();
  CHECK(saved.notes.empty());
  CHECK(saved.pending.size() > 30);
  const started rows = store.start_from_rows();
  CHECK(rows.notes.empty());
  CHECK(rows.pending == saved.pending);
}

TEST_CASE("what is damaged of the saved ranges is made anew from the rows, and told") {
  ranged_store store;
  must(store.chained.open());
  store.work(60);
  store.chained.close();
  const started whole = store.start();
  store.chained.close();
  const auto [damage, words] = GENERATE(table<std::string, std::string>({
      {"UPDATE pending_range SET marks = x'0102' WHERE no = 1", "from 64 to 127 is damaged"},
      {"UPDATE pending_range SET upto = upto - 1 WHERE no = 0", "from 0 to 63 is damaged"},
      {"DELETE FROM pending_range WHERE no = 1", "does not fit the commits"},
      {"UPDATE pending_saved SET upto = upto - 1", "is damaged"},
      {"UPDATE route SET deliveries = '[3]' WHERE code = 1", "is damaged"},
      {"DELETE FROM route WHERE code = 1", "is damaged"},
  }));
  INFO(damage);
  store.chained.sql(damage);
  const started mended = store.start();
  CHECK(mended.pending == whole.pending);
  REQUIRE(mended.notes.size() == 1);
  INFO(mended.notes[0]);
  CHECK(mended.notes[0].find(words) != std::string::npos);
  store.chained.close();
  const started again = store.start();
  CHECK(again.pending == whole.pending);
  CHECK(again.notes.empty());
}

TEST_CASE("what is damaged of the times of pending events is made anew from the rows, and told") {
  ranged_store store;
  must(store.chained.open());
  store.work(60);
  store.chained.close();
  const started whole = store.start();
  REQUIRE(std::any_of(whole.pending.begin(), whole.pending.end(),
                      [](const std::string& each) { return each.ends_with(" sleeps"); }));
  timer_query all;
  all.until = instant::max();
  const auto timers = must(must(store.chained.store->new_reader())->timers(all)).timers;
  store.chained.close();
  const auto damage = GENERATE(as<std::string>{}, "UPDATE timer SET at = at + 1000000000000000",
                               "UPDATE timer SET bucket = bucket + (1 << 20)",
                               "UPDATE timer SET bucket = bucket + (9 << 48)", "DELETE FROM timer",
                               "DELETE FROM timer WHERE no = (SELECT max(no) FROM timer)");
  INFO(damage);
  CHECK(problems(store.chained).empty());
  store.chained.sql(damage);
  const auto told = problems(store.chained);
  REQUIRE(!told.empty());
  CHECK(told[0].find("the table 'timer' does not have when event") != std::string::npos);
  const started mended = store.start();
  CHECK(mended.pending == whole.pending);
  REQUIRE(mended.notes.size() == 1);
  CHECK(mended.notes[0].find("the times of pending events is damaged") != std::string::npos);
  const auto now_there = must(must(store.chained.store->new_reader())->timers(all)).timers;
  for (const timer& each : now_there) // without those of events that were over
    CHECK(std::find(timers.begin(), timers.end(), each) != timers.end());
  store.chained.close();
  CHECK(store.start().notes.empty());
}

TEST_CASE("a saved set that has a delivery too many does not fit, though its events do") {
  ranged_store store;
  must(store.chained.open());
  store.work(60);
  store.chained.close();
  const started whole = store.start();
  store.chained.close();
  {
    auto db = must(
        database::open(store.chained.file(), {.write = true, .vfs = store.chained.disk.name()}));
    auto row = must(db.prepare("SELECT " SKEIN_PENDING_RANGE_COLUMNS " FROM pending_range"));
    bool changed = false;
    while (!changed && row.step() == SQLITE_ROW) {
      auto marks = *marks_at(row, 64);
      for (placed_mark& each : marks)
        if (!changed && (each.mark.live & 3) == 1) {
          each.mark.live |= 2; // a delivery that is over, or never was
          changed = true;
        }
      const std::string packed = pack_marks(marks);
      auto put = must(db.prepare("UPDATE pending_range SET marks = ?1, crc = ?2 WHERE no = ?3"));
      put.bind_blob(1, packed).bind(3, row.natural(0));
      put.bind(2, crc_of_range(row.natural(0), commit_no{row.natural(1)}, marks.size(), packed));
      CHECK(put.run() == SQLITE_DONE);
    }
    REQUIRE(changed);
  }
  const started mended = store.start();
  CHECK(mended.pending == whole.pending);
  REQUIRE(mended.notes.size() == 1);
  CHECK(mended.notes[0].find("does not fit the commits") != std::string::npos);
}

TEST_CASE("ranges of another size are made anew without a word") {
  ranged_store store;
  must(store.chained.open());
  store.work(40);
  store.chained.close();
  const started before = store.start();
  store.chained.close();
  store.chained.options.range_events = 128;
  const started after = store.start();
  CHECK(after.pending == before.pending);
  CHECK(after.notes.empty());
}

TEST_CASE(
    "a changed row of a small table refuses the start by name, and is told by a verification") {
  ranged_store store;
  must(store.chained.open());
  store.chained.commit_some(30);
  must(store.chained.store->fence(shard_id{3}, epoch_no{9}));
  store.chained.drop();
  const auto [damage, words] = GENERATE(table<std::string, std::string>({
      {"UPDATE meta SET value = 7 WHERE name = 'boot'", "the table 'meta' is damaged"},
      {"UPDATE meta SET value = '1234567812345678' WHERE name = 'seed_low'",
       "the table 'meta' is damaged"},
      {"DELETE FROM meta WHERE name = 'crc'", "the table 'meta' is damaged"},
      {"UPDATE agent SET name = 'renamed' WHERE no = 1", "the name of agent 1 is damaged"},
      {"UPDATE fence SET epoch = 8", "the epoch of shard 3 is damaged"},
      {"UPDATE start SET crashes = crashes + 1", "a start of event"},
  }));
  INFO(damage);
  store.chained.sql(damage);
  store.chained.check_refused(words);
  const verify_report report = must(verify_sqlite(store.chained.path, store.chained.disk.name()));
  CHECK(std::any_of(report.problems.begin(), report.problems.end(), [&](const std::string& each) {
    return each.find(words) != std::string::npos;
  }));
}

TEST_CASE("a store from which retention dropped is whole, and damage of where it begins is told") {
  ranged_store store;
  store.chained.options.dedupe_window = store.chained.options.retention = 30s;
  must(store.chained.open());
  must(store.chained.store->recover([](const pending_event&) {}));
  store.work(150); // a second each
  while (must(store.chained.store->upkeep(store.chained.now)))
    store.chained.now += 1s;
  const auto facts = store.chained.store->retention();
  CHECK(facts.dropped_events > 100);
  CHECK(facts.bytes_used > 0);
  CHECK(store.chained.now - facts.oldest < 45s);
  CHECK(store.chained.store->take_notes().size() >= facts.dropped_events / 64); // one a range
  const bool open = GENERATE(true, false);
  if (!open)
    store.chained.close();
  const verify_report whole = must(verify_sqlite(store.chained.path, store.chained.disk.name()));
  for (const std::string& each : whole.problems)
    FAIL_CHECK(each);
  CHECK(whole.commits < 60);
  if (open)
    return;
  const started before = store.start();
  store.chained.close();
  CHECK(store.start_from_rows().pending == before.pending);
  store.chained.close();
  store.chained.sql(GENERATE("UPDATE kept SET first_commit = first_commit + 1",
                             "UPDATE kept SET swept_to = swept_to - 1",
                             "UPDATE kept SET dropped = replace(dropped, ' ', '  ')"));
  store.chained.check_refused("the table 'kept' is damaged");
}

TEST_CASE("a store that is larger than it may be drops down to the dedupe window") {
  ranged_store store;
  store.chained.options.dedupe_window = 20s;
  store.chained.options.retention_bytes = 1;
  must(store.chained.open());
  must(store.chained.store->recover([](const pending_event&) {}));
  store.work(60);
  while (must(store.chained.store->upkeep(store.chained.now)))
    store.chained.now += 1s;
  const auto facts = store.chained.store->retention();
  CHECK(facts.dropped_events > 20);
  CHECK(store.chained.now - facts.oldest >= 18s);
  CHECK(store.chained.now - facts.oldest < 30s);
}
