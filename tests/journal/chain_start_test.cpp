// What a start finds missing or changed: the end of the log cut or damaged anywhere, files lost,
// records after the mark altered. Refused by name, and left as it was; what was never marked may
// be gone.
#include "journal/migrations/migrations.hpp"
#include "journal/sqlite_audit.hpp"
#include "tests/journal/chained_store.hpp"

#include <filesystem>
#include <sqlite3.h>

using namespace skein;
using namespace skein::test;

namespace {

constexpr std::size_t log_header_bytes = 32;
constexpr std::size_t frame_bytes = 24 + limits::journal_page_bytes;

/// A store whose log holds commits on both sides of the mark.
struct cut_store {
  chained_store chained;
  chained_store::files whole;
  std::size_t marked_bytes = 0; // of the log, up to the commit that was marked
  commit_no marked{};
  commit_no last{};

  cut_store() {
    must(chained.open());
    chained.commit_some(5);
    marked_bytes = chained.disk.bytes(chained.log()).size();
    chained.put_mark();
    marked = chained.store->last_commit();
    chained.commit_some(4);
    last = chained.store->last_commit();
    chained.drop();
    whole = chained.look();
    REQUIRE(last > marked);
    REQUIRE((log().size() - log_header_bytes) % frame_bytes == 0);
  }

  const std::string& log() const { return whole.at(chained.log()); }
  std::size_t frames() const { return (log().size() - log_header_bytes) / frame_bytes; }

  /// Opens with this log; `reaches` is how many bytes of it are as they were.
  void check(std::string changed, std::size_t reaches) {
    INFO("the log is whole up to byte " << reaches << ", marked up to " << marked_bytes);
    auto files = whole;
    files[chained.log()] = std::move(changed);
    chained.restore(files);
    if (reaches < marked_bytes) {
      chained.check_refused("(high-water)");
      return;
    }
    must(chained.open());
    CHECK(chained.store->last_commit() >= marked);
    CHECK(chained.store->last_commit() <= last);
    must(chained.store->recover([](const pending_event&) {}));
    for (const std::string& each : must(audit_sqlite(chained.path, chained.disk.name())).problems)
      FAIL_CHECK(each);
    chained.drop();
  }
};

/// As the program before the chain left a store: its tables, its rows, no mark.
void make_old(const std::string& from, const std::string& to) {
  std::filesystem::create_directory(to);
  std::filesystem::permissions(to, std::filesystem::perms::owner_all);
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open((to + "/journal.db").c_str(), &db) == SQLITE_OK);
  const std::string sql =
      std::string{migrations()[0]} + ";ATTACH '" + from +
      "/journal.db' AS new;"
      "INSERT INTO meta SELECT * FROM new.meta WHERE name NOT IN "
      "('high_water', 'unchecked_events', 'unchecked_commits');"
      "INSERT INTO agent SELECT no, name FROM new.agent;"
      "INSERT INTO event SELECT no, shard, at, key, due, expires, priority, deliveries, body "
      "FROM new.event;"
      "INSERT INTO outcome SELECT id, state, agent, attempt, started, finished, at, code, error, "
      "reply_kind, reply, emitted FROM new.outcome;"
      "INSERT INTO attempt SELECT id, attempt, agent, started, finished, code, error, next_due "
      "FROM new.attempt;"
      "INSERT INTO start SELECT id, mark, crashes FROM new.start;"
      "INSERT INTO dead SELECT * FROM new.dead;"
      "INSERT INTO state SELECT agent, key, value FROM new.state;"
      "INSERT INTO commits SELECT no, at, first_event, events, identities, outcomes, ledger, "
      "low_water FROM new.commits;"
      "PRAGMA main.application_id = 1399547241;"
      "PRAGMA main.user_version = 1;"
      "PRAGMA main.journal_mode = WAL";
  char* why = nullptr;
  sqlite3_exec(db, sql.c_str(), nullptr, nullptr, &why);
  CHECK(std::string{why == nullptr ? "" : why}.empty());
  sqlite3_free(why);
  sqlite3_close(db);
}

std::unique_ptr<engine> open_at(const std::string& path) {
  auto opened = must(skein::journal::open(path, {.now = from_ns(1'700'000'000'000'000'000)}));
  must(opened->recover([](const pending_event&) {}));
  return opened;
}

void fill(engine& store, std::uint64_t seed, int batches) {
  for (const std::string& name : workload_agents())
    (void)store.agent_number(name);
  random_workload work{seed};
  for (int i = 0; i < batches; ++i) {
    auto batch = work.next(store.identity().hash, store.last_commit_at());
    set_epoch(batch, epoch_no{store.identity().boot});
    work.committed(batch, must(store.commit(batch, store.last_commit_at())));
  }
}

} // namespace

TEST_CASE("a log cut below the mark is refused, above it opens with what is whole") {
  cut_store store;
  for (std::size_t frame = 0; frame <= store.frames(); ++frame)
    for (const std::size_t more :
         {std::size_t{0}, std::size_t{1}, std::size_t{24}, std::size_t{4'000}, frame_bytes - 1}) {
      const std::size_t end = log_header_bytes + frame * frame_bytes + more;
      if (end <= store.log().size())
        store.check(store.log().substr(0, end), end);
    }
  for (const std::size_t end : {std::size_t{0}, std::size_t{1}, log_header_bytes - 1})
    store.check(store.log().substr(0, end), end);
}

TEST_CASE("a log damaged below the mark is refused, above it opens with what is whole") {
  cut_store store;
  for (std::size_t frame = 0; frame < store.frames(); ++frame)
    for (const std::size_t more :
         {std::size_t{0}, std::size_t{9}, std::size_t{24}, std::size_t{5'000}, frame_bytes - 1}) {
      const std::size_t at = log_header_bytes + frame * frame_bytes + more;
      std::string changed = store.log();
      changed[at] ^= 4;
      store.check(std::move(changed), at);
    }
}

TEST_CASE("a store that lost its log, its file or both is refused") {
  cut_store store;
  auto files = store.whole;
  SECTION("the log") {
    files.erase(store.chained.log());
    store.chained.restore(files);
    store.chained.check_refused("(high-water)");
  }
  SECTION("the file") {
    files.erase(store.chained.file());
    store.chained.restore(files);
    store.chained.check_refused("is missing or empty");
  }
  SECTION("both") {
    files.erase(store.chained.file());
    files.erase(store.chained.log());
    store.chained.restore(files);
    store.chained.check_refused("is missing or empty");
  }
}

TEST_CASE("a start says how many commits are lost, and what to do") {
  cut_store store;
  auto files = store.whole;
  files[store.chained.log()].resize(log_header_bytes);
  store.chained.restore(files);
  const auto opened = store.chained.open();
  REQUIRE_FALSE(opened.ok());
  CHECK(opened.error().detail ==
        "journal.db ends with commit 0, but commit 5 was on disk (high-water): the commits between "
        "are lost; keep a copy of the whole directory, then restore a backup, or, to go on with "
        "what is left, run 'skein journal repair', which says what is lost");
  store.chained.disk.remove(store.chained.mark());
  store.chained.sql("UPDATE meta SET value = 0 WHERE name = 'high_water'");
  must(store.chained.open());
  CHECK(store.chained.store->last_commit() == commit_no{});
}

TEST_CASE("a store that was put back to an older state is refused") {
  chained_store chained;
  chained.live(3);
  const auto older = chained.look();
  chained.live(3);
  auto mixed = older;
  mixed[chained.mark()] = chained.look().at(chained.mark());
  chained.restore(mixed);
  chained.check_refused("ends with commit 3, but commit 6 was on disk");
}

TEST_CASE("other commits of the same number are refused") {
  chained_store chained;
  chained.live(3);
  const auto older = chained.look();
  chained.live(3);
  const std::string mark = chained.look().at(chained.mark());
  chained.restore(older);
  chained.live(3); // later batches of the workload
  auto mixed = chained.look();
  mixed[chained.mark()] = mark;
  chained.restore(mixed);
  chained.check_refused("commit 6 of journal.db is not the one that was on disk");
}

TEST_CASE("what is changed or missing after the mark is found at the start") {
  chained_store chained;
  must(chained.open());
  chained.commit_some(1);
  chained.put_mark();
  chained.commit_some(40);
  chained.drop();
  const auto [damage, words] = GENERATE(table<std::string, std::string>({
      {"UPDATE event SET body = zeroblob(length(body)) WHERE no = (SELECT max(no) FROM event)",
       "event "},
      {"UPDATE event SET key = 'other' WHERE no = (SELECT max(no) - 3 FROM event)", "event "},
      {"UPDATE event SET crc = NULL WHERE no = (SELECT max(no) FROM event)", "event "},
      {"DELETE FROM event WHERE no = (SELECT max(no) FROM event)", "events of it are missing"},
      {"INSERT INTO event SELECT no + 1, shard, at, key, due, expires, priority, deliveries, body, "
       "crc FROM event ORDER BY no DESC LIMIT 1",
       "its last commit ends with"},
      {"UPDATE outcome SET error = 'x' WHERE id = (SELECT max(id) FROM outcome)",
       "outcome of event"},
      {"DELETE FROM outcome WHERE id = (SELECT max(id) FROM outcome)", "outcome of event"},
      {"UPDATE attempt SET next_due = 1 WHERE id = (SELECT max(id) FROM attempt) AND attempt = "
       "(SELECT min(attempt) FROM attempt WHERE id = (SELECT max(id) FROM attempt))",
       "attempt of event"},
      {"DELETE FROM attempt WHERE id = (SELECT max(id) FROM attempt) AND attempt = "
       "(SELECT min(attempt) FROM attempt WHERE id = (SELECT max(id) FROM attempt))",
       "attempt of event"},
      {"DELETE FROM dead WHERE id = (SELECT max(id) FROM dead)", "dead letter of event"},
      {"UPDATE commits SET low_water = low_water + 1 WHERE no = 20", "commit 20"},
      {"UPDATE commits SET digest = zeroblob(16) WHERE no = 20", "commit 20"},
      {"UPDATE commits SET digest = NULL WHERE no = 41", "commit 41"},
      {"DELETE FROM commits WHERE no = 20", "commit 20"},
      {"DELETE FROM commits WHERE no = 41", "its last commit ends with"},
  }));
  INFO(damage);
  chained.sql(damage);
  chained.check_refused(words);
}

TEST_CASE("a store from before the chain opens, keeps what it had, and is guarded from then on") {
  temp_dir parent;
  const std::string made = parent.path() + "/made";
  const std::string old = parent.path() + "/old";
  std::string expected;
  {
    auto store = open_at(made);
    fill(*store, 3, 40);
    expected = describe(*store, *must(store->new_reader()));
    must(store->close());
  }
  make_old(made, old);
  {
    auto store = open_at(old);
    CHECK(describe(*store, *must(store->new_reader())) == expected);
    fill(*store, 4, 10);
    expected = describe(*store, *must(store->new_reader()));
    if (GENERATE(false, true))
      must(store->upkeep(store->last_commit_at()));
  }
  {
    auto store = open_at(old);
    CHECK(describe(*store, *must(store->new_reader())) == expected);
    must(store->close());
  }
  for (const std::string& each : must(audit_sqlite(old)).problems)
    FAIL_CHECK(each);
  std::filesystem::remove(old + "/journal.db");
  const auto opened = skein::journal::open(old, {});
  REQUIRE_FALSE(opened.ok());
  CHECK(opened.error().code == errc::store_corrupt);
}
