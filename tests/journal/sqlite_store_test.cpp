// The directory of a store on disk: who may read it, who has it open, which stores are refused and
// why.
#include "journal/migrations/migrations.hpp"
#include "journal/sealed_tables.hpp"
#include "journal/sqlite_audit.hpp"
#include "tests/journal/lockstep_workload.hpp"
#include "tests/support/temp_dir.hpp"

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace skein;
using namespace skein::test;

namespace {

const instant now = from_ns(1'700'000'000'000'000'000);

struct place {
  temp_dir parent;
  std::string path = parent.path() + "/store";

  result<std::unique_ptr<engine>> open(open_options options = {}) const {
    options.now = now;
    options.seed = 9;
    return skein::journal::open(path, options);
  }
  errc refusal(open_options options = {}) const {
    const auto opened = open(options);
    REQUIRE_FALSE(opened.ok());
    CHECK_FALSE(opened.error().detail.empty());
    return opened.error().code;
  }
  void sql(const std::string& text) const {
    sqlite3* db = nullptr;
    REQUIRE(sqlite3_open((path + "/journal.db").c_str(), &db) == SQLITE_OK);
    INFO(text);
    CHECK(sqlite3_exec(db, text.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_close(db);
  }
};

unsigned mode_of(const std::string& path) {
  struct stat found {};
  REQUIRE(::stat(path.c_str(), &found) == 0);
  return found.st_mode & 0777;
}

/// Commits some random batches.
void fill(engine& store, std::uint64_t seed, int batches) {
  for (const std::string& name : workload_agents())
    (void)store.agent_number(name);
  random_workload work{seed};
  instant at = now;
  for (int i = 0; i < batches; ++i) {
    at += std::chrono::seconds{1};
    auto batch = work.next(store.identity().hash, at);
    set_epoch(batch, epoch_no{store.identity().boot});
    work.committed(batch, must(store.commit(batch, at)));
  }
}

} // namespace

TEST_CASE("only the owner can read a store, whatever the umask") {
  place store;
  const mode_t before = ::umask(GENERATE(mode_t{0}, mode_t{0077}, mode_t{0277}));
  const auto opened = store.open();
  ::umask(before);
  CHECK(opened.ok());
  CHECK(mode_of(store.path) == 0700);
  for (const char* name : {"/journal.db", "/journal.db-wal", "/journal.db-shm"})
    CHECK(mode_of(store.path + name) == 0600);
}

TEST_CASE("a store belongs to one process, and a second one is told which") {
  place store;
  auto first = must(store.open());
  const auto second = open_sqlite({.directory = store.path, .store = {}, .lock_patience = {}});
  REQUIRE_FALSE(second.ok());
  CHECK(second.error().code == errc::store_locked);
  CHECK(second.error().detail.find(store.path) != std::string::npos);
  CHECK(second.error().detail.find(std::to_string(::getpid())) != std::string::npos);
  first.reset();
  CHECK(store.open().ok());
}

TEST_CASE("the lock of a process that was killed is free") {
  place store;
  const pid_t child = ::fork();
  if (child == 0) {
    const auto opened = store.open();
    ::kill(::getpid(), opened.ok() ? SIGKILL : SIGTERM);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WTERMSIG(status) == SIGKILL);
  auto opened = must(store.open());
  CHECK_FALSE(opened->identity().clean);
  CHECK(opened->identity().boot == 2);
}

TEST_CASE("a store with other settings is refused by name") {
  place store;
  must(store.open());
  CHECK(store.refusal({.shards = 128}) == errc::store_mismatch);
  const auto other = store.open({.shards = 128});
  CHECK(other.error().detail.find("256") != std::string::npos);
  CHECK(other.error().detail.find("128") != std::string::npos);
  auto db = must(database::open(store.path + "/journal.db", {.write = true, .vfs = {}}));
  must(add_row_crc(db));
  must(db.run("UPDATE meta SET value = 'md5' WHERE name = 'hash'"));
  must(seal_meta(db));
  CHECK(store.refusal() == errc::store_mismatch);
}

TEST_CASE("a store from the future is refused and left as it is") {
  place store;
  must(store.open());
  store.sql("PRAGMA user_version = 99");
  CHECK(store.refusal() == errc::store_version);
  store.sql("PRAGMA user_version = " + std::to_string(migrations().size()));
  CHECK(store.open().ok());
}

TEST_CASE("a count of shards that cannot be is refused") {
  place store;
  CHECK(store.refusal({.shards = 0}) == errc::invalid_argument);
  CHECK(store.refusal({.shards = limits::shards_max + 1}) == errc::invalid_argument);
  CHECK(store.open({.shards = limits::shards_max}).ok());
}

TEST_CASE("a range that cannot be is refused") {
  place store;
  for (const std::uint64_t events : {std::uint64_t{0}, std::uint64_t{48}, 2 * limits::range_events})
    CHECK(store.refusal({.range_events = events}) == errc::invalid_argument);
}

TEST_CASE("what is no journal is refused and not touched") {
  place store;
  ::mkdir(store.path.c_str(), 0700);
  SECTION("another program's database") {
    store.sql("CREATE TABLE other(x); INSERT INTO other VALUES(1)");
    CHECK(store.refusal() == errc::store_corrupt);
    store.sql("SELECT x FROM other");
    std::ifstream file{store.path + "/journal.db"};
    std::string header(20, '\0');
    file.read(header.data(), 20);
    CHECK(header[18] == 1); // of the rollback journal still, not of a write-ahead log
  }
  SECTION("no database at all") {
    std::ofstream{store.path + "/journal.db"} << std::string(8'192, 'x');
    CHECK(store.refusal() == errc::store_corrupt);
  }
  SECTION("a file where the directory should be") {
    ::rmdir(store.path.c_str());
    std::ofstream{store.path} << "x";
    CHECK(store.refusal() == errc::io_error);
  }
}

TEST_CASE("a damaged store is refused with what to do") {
  place store;
  {
    auto opened = must(store.open());
    fill(*opened, 1, 20);
    must(opened->close());
  }
  const auto damage = GENERATE(
      "DELETE FROM meta WHERE name = 'store_id'",
      "UPDATE meta SET value = 'x' WHERE name = 'seed_low'",
      "UPDATE commits SET ledger = '1 2' WHERE no = (SELECT max(no) FROM commits)",
      "UPDATE commits SET identities = x'00' WHERE no = 1", "DELETE FROM commits WHERE no = 3",
      "DELETE FROM agent WHERE no = 1", "INSERT INTO fence VALUES(999, 5, 0)");
  INFO(damage);
  store.sql(damage);
  CHECK(store.refusal() == errc::store_corrupt);
}

TEST_CASE("rows that cannot be are found when what is pending is read") {
  place store;
  {
    auto opened = must(store.open());
    fill(*opened, 1, 20);
    must(opened->close());
  }
  store.sql("UPDATE event SET deliveries = 'x' WHERE no = (SELECT max(no) FROM event "
            "WHERE deliveries <> '[]' AND no NOT IN (SELECT id / 16 FROM outcome))");
  auto opened = must(store.open());
  std::vector<std::uint64_t> pending;
  must(opened->recover([&](const pending_event& each) { pending.push_back(each.event.sequence); }));
  std::sort(pending.begin(), pending.end());
  const auto rows = must(must(opened->new_reader())->pending(pending));
  std::set<std::uint64_t> damaged;
  for (const pending_delivery& each : rows)
    if (each.damage.code == errc::store_corrupt)
      damaged.insert(each.delivery.event.sequence);
  CHECK(damaged == std::set{pending.back()});
}

TEST_CASE("an audit counts the same as the store, and sees what is wrong") {
  place store;
  ledgers counted;
  {
    auto opened = must(store.open());
    fill(*opened, 3, 60);
    counted = {must(opened->events_ledger()), must(opened->deliveries_ledger())};
  }
  const audit_report clean = must(audit_sqlite(store.path));
  for (const std::string& each : clean.problems)
    FAIL_CHECK(each);
  CHECK(clean.counted == counted);
  CHECK(clean.counted.events.balanced());
  const auto damage = GENERATE(
      "DELETE FROM outcome WHERE id = (SELECT max(id) FROM outcome)",
      "DELETE FROM dead WHERE id = (SELECT max(id) FROM dead)",
      "DELETE FROM event WHERE no = (SELECT max(no) FROM event)",
      "INSERT INTO outcome SELECT 16 * 1000000, 3, 0, 1, 0, 0, 0, 0, NULL, 0, NULL, 0, NULL",
      "DELETE FROM commits WHERE no = 5",
      "UPDATE outcome SET state = 4 WHERE id = (SELECT id FROM "
      "outcome WHERE state = 3 LIMIT 1)");
  INFO(damage);
  store.sql(damage);
  CHECK_FALSE(must(audit_sqlite(store.path)).problems.empty());
}

TEST_CASE("the file shows people what they look for") {
  place store;
  auto opened = must(store.open());
  fill(*opened, 4, 30);
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open_v2((store.path + "/journal.db").c_str(), &db, SQLITE_OPEN_READONLY,
                          nullptr) == SQLITE_OK);
  sqlite3_stmt* query = nullptr;
  REQUIRE(sqlite3_prepare_v2(db, "SELECT count(*), count(DISTINCT event) FROM delivery", -1, &query,
                             nullptr) == SQLITE_OK);
  REQUIRE(sqlite3_step(query) == SQLITE_ROW);
  CHECK(static_cast<std::uint64_t>(sqlite3_column_int64(query, 0)) ==
        must(opened->deliveries_ledger()).accepted);
  sqlite3_finalize(query);
  sqlite3_close(db);
}

TEST_CASE("another program that holds the file is waited for, then named; then all goes on") {
  place store;
  auto opened = must(store.open());
  fill(*opened, 5, 3);
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open((store.path + "/journal.db").c_str(), &db) == SQLITE_OK);
  REQUIRE(sqlite3_exec(db, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr) == SQLITE_OK);
  random_workload work{6};
  std::vector<operation> batch = work.next(opened->identity().hash, now);
  set_epoch(batch, epoch_no{opened->identity().boot});
  const ledger before = must(opened->events_ledger());
  const auto refused = opened->commit(batch, now);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == errc::store_locked);
  CHECK(must(opened->events_ledger()) == before);
  REQUIRE(sqlite3_exec(db, "ROLLBACK", nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(db);
  CHECK(opened->commit(batch, now).ok());
}

TEST_CASE("the log is moved into the file when there is enough of it, when idle and at the end") {
  temp_dir parent;
  const std::string path = parent.path() + "/store";
  sqlite_options options{.directory = path, .store = {.now = now, .seed = 1}};
  options.wal_bytes = 256 << 10;
  auto opened = must(open_sqlite(options));
  const auto log_bytes = [&] { return std::filesystem::file_size(path + "/journal.db-wal"); };
  const std::uint64_t at_start = opened->counters().checkpoints;
  fill(*opened, 1, 60);
  CHECK(opened->counters().checkpoints > at_start);
  CHECK(log_bytes() < 2 * options.wal_bytes);
  const std::uint64_t busy = opened->counters().checkpoints;
  must(opened->upkeep(now)); // there were commits since the last one
  CHECK(opened->counters().checkpoints == busy);
  must(opened->upkeep(now));
  CHECK(opened->counters().checkpoints == busy + 1);
  must(opened->upkeep(now)); // nothing left to do
  CHECK(opened->counters().checkpoints == busy + 1);
  must(opened->close());
  CHECK(log_bytes() == 0);
}

TEST_CASE("a reader that holds the log up is told of while the log grows, and when it has gone") {
  place store;
  sqlite_options options;
  options.directory = store.path;
  options.store.now = now;
  options.store.seed = 9;
  options.wal_bytes = 64 << 10;
  auto opened = open_sqlite(options);
  REQUIRE(opened.ok());
  engine& engine = **opened;
  fill(engine, 1, 10);
  CHECK(engine.upkeep(now).ok());
  sqlite3* reader = nullptr;
  REQUIRE(sqlite3_open((store.path + "/journal.db").c_str(), &reader) == SQLITE_OK);
  REQUIRE(sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM event", nullptr, nullptr, nullptr) ==
          SQLITE_OK);
  std::uint64_t told_at = 0;
  for (std::uint64_t seed = 2; told_at == 0 && seed < 200; ++seed) {
    fill(engine, seed, 10);
    if (const auto kept = engine.upkeep(now); !kept) {
      CHECK(kept.error().code == errc::store_locked);
      CHECK(is_refusal(kept.error().code));
      told_at = engine.counters().wal_bytes;
    }
  }
  CHECK(told_at >= 8 * options.wal_bytes);
  CHECK(told_at < 16 * options.wal_bytes);
  sqlite3_close(reader);
  fill(engine, 1000, 40); // more than one checkpoint each
  CHECK(engine.upkeep(now).ok());
}

TEST_CASE("readers of this process that never pause do not keep the log from beginning anew") {
  place store;
  sqlite_options options;
  options.directory = store.path;
  options.store.now = now;
  options.store.seed = 9;
  options.wal_bytes = 64 << 10;
  auto opened = open_sqlite(options);
  REQUIRE(opened.ok());
  engine& engine = **opened;
  fill(engine, 1, 10);
  std::atomic<bool> is_over = false;
  std::atomic<std::size_t> calls = 0;
  const auto read = [&, sequences = std::vector<std::uint64_t>{1, 2, 3, 4, 5, 6, 7, 8}](
                        std::unique_ptr<reader> from) {
    for (; !is_over; ++calls)
      if (!from->pending(sequences))
        return;
  };
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i)
    readers.emplace_back(read, must(engine.new_reader()));
  std::uint64_t longest = 0;
  for (std::uint64_t seed = 2; seed < 120; ++seed) {
    fill(engine, seed, 10);
    CHECK(engine.upkeep(now).ok());
    longest = std::max(longest, engine.counters().wal_bytes);
  }
  is_over = true;
  for (std::thread& each : readers)
    each.join();
  CHECK(calls > 0);
  CHECK(longest < 8 * options.wal_bytes);
}

TEST_CASE("one commit is one sync") {
  place store;
  auto opened = must(store.open());
  fill(*opened, 1, 3);
  const auto before = opened->counters();
  fill(*opened, 3, 1);
  const auto after = opened->counters();
  CHECK(after.commits - before.commits == 1);
  CHECK(after.syncs - before.syncs == 1);
  CHECK(after.bytes_written > before.bytes_written);
}
