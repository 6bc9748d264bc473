// The check of everything: what is whole is called so, and whatever changed is told, all of it at
// once, and wherever in the file it is.
#include "journal/sqlite_verify.hpp"
#include "tests/journal/byte_changes.hpp"
#include "tests/journal/damaged_store.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sqlite3.h>

using namespace skein;
using namespace skein::test;

namespace {

verify_report check(chained_store& store) {
  return must(verify_sqlite(store.path, store.disk.name()));
}

bool tells(const verify_report& report, const std::string& words) {
  return std::any_of(report.problems.begin(), report.problems.end(), [&](const std::string& each) {
    return each.find(words) != std::string::npos;
  });
}

/// The rows of the tables that have checksums, as text; empty if SQLite cannot read them all.
std::string rows_of(const std::string& file, const std::string& vfs) {
  sqlite3* db = nullptr;
  std::string all;
  bool readable =
      sqlite3_open_v2(file.c_str(), &db, SQLITE_OPEN_READONLY, vfs.c_str()) == SQLITE_OK;
  for (const char* table : {"event", "outcome", "attempt", "state", "commits", "dead"}) {
    sqlite3_stmt* row = nullptr;
    const std::string sql = std::string{"SELECT * FROM "} + table + " ORDER BY 1, 2";
    int code = sqlite3_prepare_v2(
        db, std::string{table} == "dead" ? "SELECT * FROM dead ORDER BY 1" : sql.c_str(), -1, &row,
        nullptr);
    while (code == SQLITE_OK || code == SQLITE_ROW) {
      code = sqlite3_step(row);
      for (int i = 0; code == SQLITE_ROW && i < sqlite3_column_count(row); ++i) {
        const auto* bytes = static_cast<const char*>(sqlite3_column_blob(row, i));
        all.append(1, static_cast<char>('0' + sqlite3_column_type(row, i)));
        if (bytes != nullptr)
          all.append(bytes, static_cast<std::size_t>(sqlite3_column_bytes(row, i)));
        all.append(1, '|');
      }
    }
    readable = readable && code == SQLITE_DONE;
    sqlite3_finalize(row);
  }
  sqlite3_close(db);
  return readable ? all : std::string{};
}

} // namespace

TEST_CASE("a store is whole, closed and while it is written") {
  chained_store store;
  must(store.open());
  store.commit_some(20);
  store.put_mark();
  store.commit_some(3);
  const commit_no last = store.store->last_commit();
  const ledger events = must(store.store->events_ledger());
  const bool closed = GENERATE(true, false);
  if (closed)
    store.close();
  const verify_report report = check(store);
  CHECK(report.problems == std::vector<std::string>{});
  CHECK(report.last == last);
  CHECK(report.commits == raw(last));
  CHECK((report.marked == last) == closed);
  CHECK(report.counted.events == events);
  CHECK(report.unchecked_events == 0);
}

TEST_CASE("every damaged record is told by name, all in one report") {
  damaged_store store;
  for (const char* text :
       {"data-first", "data-next", "reply-of-it", "error-of-an-attempt", "state-of-k"})
    store.change(text);
  const verify_report report = check(store.chained);
  CHECK(tells(report, "event " + std::to_string(store.ended.sequence) + " is damaged"));
  CHECK(tells(report, "an attempt of event " + std::to_string(store.ended.sequence)));
  CHECK(tells(report, "an outcome of event " + std::to_string(store.ended.sequence)));
  CHECK(tells(report, "a state of agent 0"));
  CHECK_FALSE(tells(report, "backup")); // that is for whoever shows the list
}

TEST_CASE("an end that is none is told, whatever number stands there") {
  for (int state = 0; state < 256; ++state) {
    if (state == static_cast<int>(delivery_state::done))
      continue;
    INFO(state);
    damaged_store store;
    store.chained.sql("UPDATE outcome SET state = " + std::to_string(state));
    CHECK(
        tells(check(store.chained), "an outcome of event " + std::to_string(store.ended.sequence)));
  }
}

TEST_CASE("a list of deliveries that is none does not end the check") {
  damaged_store store;
  store.chained.sql("UPDATE event SET deliveries = '[[0' WHERE no = " +
                    std::to_string(store.waiting.sequence));
  const verify_report report = check(store.chained);
  CHECK(tells(report,
              "event " + std::to_string(store.waiting.sequence) + " has no list of deliveries"));
  CHECK(tells(report, "the ledger says"));
}

TEST_CASE("a commit with an event that was taken out, or another row of its own, is told") {
  damaged_store store;
  SECTION("an event") {
    store.chained.sql("DELETE FROM event WHERE no = " + std::to_string(store.waiting.sequence));
    CHECK(tells(check(store.chained), "events of it are missing"));
  }
  SECTION("the commit itself") {
    store.chained.sql("DELETE FROM commits WHERE no = 2");
    CHECK(tells(check(store.chained), "commit 2 is not as it was written: it is not there"));
  }
  SECTION("its ledger") {
    store.chained.sql("UPDATE commits SET ledger = '[0]' WHERE no = 3");
    CHECK(tells(check(store.chained), "commit 3 is damaged"));
  }
  SECTION("its digest") {
    store.chained.sql("UPDATE commits SET digest = zeroblob(16) WHERE no = 1");
    CHECK(tells(check(store.chained), "commit 1 is not as it was written: its digest"));
  }
}

TEST_CASE("the list of a kind of damage has an end") {
  chained_store store;
  must(store.open());
  store.commit_some(40);
  store.close();
  store.sql("UPDATE commits SET crc = crc + 1");
  const verify_report report = check(store);
  CHECK(tells(report, "there may be more of this kind"));
  CHECK(report.commits == verify_problems_max);
  CHECK(report.problems.size() < verify_problems_max + 5);
}

TEST_CASE("a log that lost its end, and a mark that is missing, are told") {
  chained_store store;
  must(store.open());
  store.commit_some(5);
  store.put_mark();
  store.drop();
  auto files = store.look();
  SECTION("the log") {
    files[store.log()].resize(32);
    store.restore(files);
    CHECK(tells(check(store), "the commits between are lost"));
  }
  SECTION("the mark") {
    files[store.mark()].assign(files[store.mark()].size(), '\0');
    store.restore(files);
    CHECK(tells(check(store), "the file high-water is damaged"));
  }
}

TEST_CASE("what is no store is not checked") {
  temp_dir parent;
  const auto nothing = verify_sqlite(parent.path());
  REQUIRE_FALSE(nothing.ok());
  CHECK(nothing.error().code == errc::not_found);
  CHECK(std::filesystem::is_empty(parent.path()));
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open((parent.path() + "/journal.db").c_str(), &db) == SQLITE_OK);
  REQUIRE(sqlite3_exec(db, "CREATE TABLE t(x)", nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(db);
  const auto foreign = verify_sqlite(parent.path());
  REQUIRE_FALSE(foreign.ok());
  CHECK(foreign.error().code == errc::store_corrupt);
}

namespace {

struct changed_bytes {
  damaged_store store;
  std::string file = store.chained.file();
  std::string vfs = store.chained.disk.name();
  std::string rows = rows_of(file, vfs);
  std::string whole = store.chained.disk.bytes(file);
  std::size_t told = 0;

  /// One byte of the closed file becomes another: that is told, or changes no record.
  void change(std::size_t at, unsigned char by) {
    std::string& bytes = store.chained.disk.bytes(file);
    bytes[at] = static_cast<char>(bytes[at] ^ by);
    const auto report = verify_sqlite(store.chained.path, vfs);
    if (!report.ok() || !report->problems.empty())
      ++told;
    else if (rows_of(file, vfs) != rows)
      FAIL_CHECK("byte " << at << " changed by " << static_cast<int>(by));
    store.chained.disk.bytes(file)[at] = whole[at];
  }
  /// Between records a page has zeros, as far as the eye reaches.
  bool is_between(std::size_t at) const {
    constexpr std::size_t reach = 24;
    const std::size_t from = at - std::min(at, reach);
    const std::string around = whole.substr(from, 2 * reach);
    return around.find_first_not_of('\0') == std::string::npos;
  }
};

} // namespace

TEST_CASE("a changed byte anywhere is told, or changes no record") {
  changed_bytes all;
  REQUIRE_FALSE(all.rows.empty());
#ifdef SKEIN_SANITIZED
  constexpr std::size_t stride = 307;
#else
  constexpr std::size_t stride = 61; // odd, so that all places of a page have their turn
#endif
  for (std::size_t at = 0; at < all.whole.size(); at += stride)
    all.change(at, byte_changes[at / stride % byte_changes.size()]);
  CHECK(all.told > 1'220 / stride);
}

TEST_CASE("every byte of a record, changed in many ways, is told, or changes no record",
          "[.long]") {
  changed_bytes all;
  std::size_t changes = 0;
  for (std::size_t at = 0; at < all.whole.size(); ++at)
    for (const unsigned char by : byte_changes) {
      if (all.is_between(at))
        break;
      all.change(at, by);
      ++changes;
    }
  WARN(changes << " changes, " << all.told << " told");
  CHECK(all.told > changes / 2);
}
