// Steps of retention that go along with commits: in their transaction, for a bounded time, past no
// event whose end is under way, and never to the harm of the commit.
#include "journal/sqlite_db.hpp"
#include "journal/sqlite_verify.hpp"
#include "tests/journal/chained_store.hpp"
#include "tests/journal/store_fixture.hpp"
#include "tests/support/temp_dir.hpp"

#include <array>
#include <fstream>

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

namespace {

/// A store in a known place, whose steps go along with every commit that brings events.
class stepping_store {
 public:
  temp_dir parent;
  std::string path = parent.path() + "/store";
  std::shared_ptr<duration> tick = std::make_shared<duration>(); // of each look at the clock
  test_store store{{"sqlite", [this] { return std::make_unique<place>(path, tick); }}, options()};

  /// Done events, a commit for all of them and one for their ends; both on disk and marked.
  std::vector<event_id> add_old(int count) {
    std::vector<event_id> all;
    std::vector<operation> ends;
    for (const op_result& each : store.commit(accepts("old", count)).results) {
      all.push_back(each.event);
      ends.emplace_back(store.finish(first_of(each.event)));
    }
    store.now += 1s;
    store.commit(std::move(ends));
    return all;
  }
  std::vector<operation> accepts(const std::string& name, int count) {
    std::vector<operation> batch;
    for (int i = 0; i < count; ++i)
      batch.emplace_back(store.accept({.id = name + std::to_string(i)}));
    return batch;
  }
  /// What there is becomes old enough to go, once a later commit is there too.
  void let_it_age() {
    store.now += 1s;
    store.add({.id = "last"});
    must(store->upkeep(store.now));
    store.now += 100s;
  }
  bool is_there(event_id event) { return store.find(event).has_value(); }
  database open_file(bool write) {
    return must(database::open(path + "/journal.db", {.write = write, .vfs = {}}));
  }
  std::int64_t rows_of_late() { return must(open_file(false).number("SELECT count(*) FROM late")); }
  void check_whole() {
    for (const std::string& each : must(verify_sqlite(path, {})).problems)
      FAIL_CHECK(each);
    CHECK(store.events().balanced());
    CHECK(store.deliveries().balanced());
  }

 private:
  class place final : public store_place {
   public:
    place(std::string path, std::shared_ptr<duration> tick)
      : path_{std::move(path)}, tick_{std::move(tick)} {}
    result<std::unique_ptr<engine>> open(const open_options& options) override {
      sqlite_options all{.directory = path_, .store = options};
      all.retention_join_events = 1;
      all.clock = [tick = tick_, now = duration{}]() mutable { return now += *tick; };
      return open_sqlite(all);
    }

   private:
    std::string path_;
    std::shared_ptr<duration> tick_;
  };

  static open_options options() {
    open_options how;
    how.dedupe_window = 10s;
    how.retention = 60s;
    return how;
  }
};

} // namespace

TEST_CASE("a step goes along with a commit and costs no sync of its own") {
  stepping_store one;
  const auto old = one.add_old(50);
  one.let_it_age();
  const auto before = one.store->counters();
  one.store.commit(one.accepts("new", 100));
  const auto after = one.store->counters();
  CHECK(after.syncs - before.syncs == 1);
  for (const event_id each : old)
    CHECK_FALSE(one.is_there(each));
  one.check_whole();
  const auto feed = must(one.store.reader().commits_after(commit_no{0}, 10));
  CHECK(feed.reset);
  one.store.reopen(GENERATE(true, false));
  CHECK(one.store.events().accepted == 151);
  CHECK(one.store.list({.limit = 200}).events.size() == 101);
}

TEST_CASE("a step ends when its time is up, and later ones go on") {
  stepping_store one;
  const auto old = one.add_old(40);
  one.let_it_age();
  *one.tick = 1ms;
  int commits = 0;
  for (; one.is_there(old.back()) && commits < 40; ++commits)
    one.store.commit(one.accepts("new" + std::to_string(commits) + "-", 100));
  CHECK(commits > 8); // or one step did all, or most of it
  CHECK(commits < 40);
  CHECK_FALSE(one.is_there(old.front()));
  one.check_whole();
}

TEST_CASE("an event whose end is in the commit that a step goes along with stays for its time") {
  stepping_store one;
  const event_id slow = one.store.add({.id = "slow"});
  const auto old = one.add_old(10);
  one.let_it_age();
  std::vector<operation> batch = one.accepts("new", 100);
  batch.emplace_back(one.store.finish(first_of(slow)));
  one.store.commit(std::move(batch));
  REQUIRE(one.is_there(slow));
  CHECK(one.store.find(slow)->state() == delivery_state::done);
  one.check_whole();
  one.store.commit(one.accepts("newer", 100));
  CHECK_FALSE(one.is_there(old.back()));
  CHECK(one.is_there(slow));
  for (int i = 0; i < 3; ++i) {
    one.store.now += 50s;
    one.store.add({.id = "later" + std::to_string(i)});
    for (int j = 0; j < 5; ++j)
      must(one.store->upkeep(one.store.now += 1s));
  }
  CHECK_FALSE(one.is_there(slow));
  one.check_whole();
}

TEST_CASE("a step waits at an event that goes soon, so that it need not come back for it") {
  stepping_store one;
  const event_id soon = one.store.add({.id = "soon"});
  const auto old = one.add_old(10);
  one.store.now += 3s;
  one.store.one(one.store.finish(first_of(soon)));
  one.let_it_age();
  one.store.now -= 42s; // old enough: the commits up to that end, which is 1 s younger
  one.store.commit(one.accepts("new", 100));
  CHECK(one.is_there(soon));
  CHECK(one.is_there(old.front()));
  CHECK(one.rows_of_late() == 0);
  one.store.now += 2s;
  one.store.commit(one.accepts("newer", 100));
  CHECK_FALSE(one.is_there(soon));
  CHECK_FALSE(one.is_there(old.back()));
  one.check_whole();
}

TEST_CASE("what is damaged stays when its time is over, is told, and holds up nothing") {
  stepping_store one;
  const auto old = one.add_old(10);
  const event_id dead = one.store.add({.id = "dead"});
  one.store.one(one.store.finish(first_of(dead), delivery_state::dead));
  const event_id bad = GENERATE(true, false) ? old[3] : dead;
  const std::string damage =
      "CREATE TEMP TABLE bad AS SELECT " + std::to_string(bad.sequence * 16) + " AS id;" +
      GENERATE(as<std::string>{},
               "UPDATE outcome SET state = 9 - state WHERE id = (SELECT id FROM bad)",
               "UPDATE outcome SET at = at + 1 WHERE id = (SELECT id FROM bad)",
               "INSERT INTO dead SELECT id + 1 FROM bad");
  one.let_it_age();
  must(one.open_file(true).run(damage));
  INFO(damage);
  const bool along = GENERATE(true, false);
  if (along)
    one.store.commit(one.accepts("new", 100));
  else
    while (must(one.store->upkeep(one.store.now)))
      one.store.now += 1s;
  CHECK(must(one.open_file(false).number("SELECT count(*) FROM event WHERE no = " +
                                         std::to_string(bad.sequence))) == 1);
  CHECK_FALSE(one.is_there(old.front()));
  CHECK_FALSE(one.is_there(old.back()));
  const auto notes = one.store->take_notes();
  REQUIRE(notes.size() == 1);
  CHECK(notes[0].find("event " + std::to_string(bad.sequence)) != std::string::npos);
  CHECK(one.store->counters().unreadable >= 1);
  must(one.store->upkeep(one.store.now));
  one.store.commit(one.accepts("newer", 100));
}

TEST_CASE(
    "a page that retention cannot read stops neither commits nor the node, and is passed by") {
  stepping_store one;
  const auto old = one.add_old(1'000);
  one.let_it_age();
  must(one.store->close());
  const bool open = GENERATE(true, false);
  {
    std::fstream file{one.path + "/journal.db", std::ios::in | std::ios::out | std::ios::binary};
    const std::int64_t page = must(
        one.open_file(false).number("SELECT rootpage FROM sqlite_schema WHERE name = 'outcome'"));
    file.seekg((page - 1) * 8192 + 12);
    std::array<unsigned char, 4> pointer{}; // of the first cell of an inner page: its left child
    unsigned char place[2];
    file.read(reinterpret_cast<char*>(place), 2);
    file.seekg((page - 1) * 8192 + place[0] * 256 + place[1]);
    file.read(reinterpret_cast<char*>(pointer.data()), 4);
    const std::int64_t child =
        (pointer[0] << 24) + (pointer[1] << 16) + (pointer[2] << 8) + pointer[3];
    file.seekp((child - 1) * 8192);
    file.write("damaged!", 8);
  }
  one.store.reopen_raw([](const pending_event&) {});
  if (open)
    one.store.commit(one.accepts("new", 100));
  for (int i = 0; i < 200; ++i)
    must(one.store->upkeep(one.store.now += 30s));
  const auto notes = one.store->take_notes();
  REQUIRE_FALSE(notes.empty());
  CHECK(notes[0].find("out of the retention time cannot be read") != std::string::npos);
  CHECK_FALSE(one.is_there(old.back()));
  one.store.commit(one.accepts("newer", 100));
}

TEST_CASE("commits go stride by stride, with a look at the clock between them") {
  stepping_store one;
  const delivery_id only = first_of(one.store.add({.id = "only"}));
  std::uint32_t number = 0;
  for (int i = 0; i < 60; ++i) { // of 12 KiB each, and no event
    std::vector<operation> attempts;
    for (int j = 0; j < 1'000; ++j)
      attempts.emplace_back(one.store.attempt(only, ++number));
    one.store.commit(std::move(attempts));
  }
  one.store.one(one.store.finish(only));
  one.let_it_age();
  const auto first = [&] {
    return must(one.open_file(false).number("SELECT min(no) FROM commits"));
  };
  REQUIRE(first() == 1);
  *one.tick = limits::retention_step_time;
  must(one.store->upkeep(one.store.now));
  CHECK(first() > 1);
  CHECK(first() < 30);
  *one.tick = duration{};
  one.check_whole();
}

TEST_CASE("an event that waits is not one that ended late, when those are found anew") {
  stepping_store one;
  const event_id half = one.store.add({.id = "half", .agents = {"bot", "cat"}});
  one.store.one(one.store.finish({half, 0}));
  one.add_old(10);
  one.let_it_age();
  for (int i = 0; i < 5; ++i)
    must(one.store->upkeep(one.store.now += 1s));
  REQUIRE(one.is_there(half));
  must(one.store->close());
  {
    const std::int64_t page =
        must(one.open_file(false).number("SELECT rootpage FROM sqlite_schema WHERE name = 'late'"));
    std::fstream file{one.path + "/journal.db", std::ios::in | std::ios::out | std::ios::binary};
    file.seekp((page - 1) * 8192);
    file.write("damaged!", 8);
  }
  one.store.reopen_raw([](const pending_event&) {});
  for (int i = 0; i < 5; ++i)
    must(one.store->upkeep(one.store.now += 1s));
  if (GENERATE(true, false))
    CHECK(one.rows_of_late() == 0);
  else // as an earlier process may have left it
    must(one.open_file(true).run("INSERT OR IGNORE INTO late SELECT max(at), id / 16 FROM outcome "
                                 "WHERE id / 16 = " +
                                 std::to_string(half.sequence)));
  one.store.add({.id = "more"}); // a step goes along with the next
  must(one.store->upkeep(one.store.now += 1s));
  one.store.now += 100s;
  std::vector<operation> batch = one.accepts("new", 100);
  batch.emplace_back(one.store.finish({half, 1}));
  one.store.commit(std::move(batch));
  REQUIRE(one.is_there(half));
  CHECK(one.store.find(half)->state() == delivery_state::done);
  CHECK(one.store.events().balanced());
  one.store.now += 40s; // it goes when its own time is over
  one.store.add({.id = "later"});
  for (int i = 0; i < 5; ++i)
    must(one.store->upkeep(one.store.now += 1s));
  CHECK(one.is_there(half));
  one.store.now += 100s;
  one.store.add({.id = "latest"});
  for (int i = 0; i < 5; ++i)
    must(one.store->upkeep(one.store.now += 1s));
  CHECK_FALSE(one.is_there(half));
  CHECK(one.store.events().balanced());
}

TEST_CASE("a sector that the disk does not give is passed by after some tries") {
  chained_store chained;
  chained.options.dedupe_window = 10s;
  chained.options.retention = 60s;
  must(chained.open());
  const auto add = [&](int count, const std::string& name) {
    std::vector<operation> batch;
    for (int i = 0; i < count; ++i) {
      event value;
      value.id = name + std::to_string(i);
      value.source = "/s";
      value.type = "t";
      accept_op op;
      op.event = must(offer(value, chained.store->identity().hash, {}, chained.now));
      op.deliveries.add(agent_no{0});
      batch.emplace_back(std::move(op));
    }
    return chained.commit(std::move(batch)).results;
  };
  std::vector<operation> ends;
  for (const op_result& each : add(1'000, "old")) {
    finish_op done;
    done.delivery = first_of(each.event);
    ends.emplace_back(done);
  }
  chained.now += 1s;
  chained.commit(std::move(ends));
  chained.now += 1s;
  add(1, "last");
  must(chained.store->upkeep(chained.now));
  chained.close();
  std::size_t root = 0;
  {
    auto db = must(database::open(chained.file(), {.write = true, .vfs = chained.disk.name()}));
    root = static_cast<std::size_t>(
        must(db.number("SELECT rootpage FROM sqlite_schema WHERE name = 'outcome'")) - 1);
  }
  const std::string& bytes = chained.disk.bytes(chained.file());
  const auto byte = [&](std::size_t at) {
    return static_cast<std::size_t>(static_cast<unsigned char>(bytes[root * 8192 + at]));
  };
  const std::size_t cell = byte(12) * 256 + byte(13); // the first of an inner page
  const std::size_t child = (byte(cell + 2) << 8) + byte(cell + 3);
  must(chained.open());
  must(chained.store->recover([](const pending_event&) {}));
  chained.disk.make_unreadable(chained.file(), (child - 1) * 8192, (child - 1) * 8192 + 1);
  for (int i = 0; i < 100; ++i)
    must(chained.store->upkeep(chained.now += 11min));
  CHECK(chained.store->retention().dropped_events > 400);
  CHECK(chained.store->retention().dropped_events < 1'000);
}
