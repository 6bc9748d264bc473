#include "tests/journal/chained_store.hpp"

#include <sqlite3.h>

namespace skein::test {

result<void> chained_store::open() {
  options.now = now;
  options.seed = 1;
  sqlite_options how{.directory = path, .store = options, .vfs = disk.name()};
  how.range_save_bytes = range_save_bytes;
  how.wal_bytes = 64 << 20; // no checkpoint by itself
  auto opened = open_sqlite(how);
  if (!opened)
    return opened.error();
  store = std::move(*opened);
  for (const std::string& name : workload_agents())
    (void)store->agent_number(name);
  return {};
}

void chained_store::commit_some(int count) {
  for (int i = 0; i < count; ++i) {
    now += std::chrono::seconds{1};
    auto batch = work_.next(store->identity().hash, now);
    set_epoch(batch, epoch_no{store->identity().boot});
    work_.committed(batch, must(store->commit(batch, now)));
  }
}

commit_receipt chained_store::commit(std::vector<operation> batch) {
  set_epoch(batch, epoch_no{store->identity().boot});
  return must(store->commit(batch, now));
}

void chained_store::close() {
  must(store->close());
  drop();
}

void chained_store::live(int commits) {
  must(open());
  commit_some(commits);
  close();
}

void chained_store::sql(const std::string& text) {
  INFO(text);
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open_v2(file().c_str(), &db, SQLITE_OPEN_READWRITE, disk.name().c_str()) ==
          SQLITE_OK);
  REQUIRE(sqlite3_exec(db, text.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
  REQUIRE(sqlite3_changes(db) >= 1);
  sqlite3_close(db);
}

chained_store::files chained_store::look() {
  files all;
  for (const std::string& each : {file(), log(), mark()})
    if (disk.has(each))
      all[each] = disk.bytes(each);
  return all;
}

void chained_store::restore(const files& all) {
  for (const std::string& each : {file(), log(), mark()})
    disk.remove(each);
  for (const auto& [name, bytes] : all)
    disk.put(name, bytes);
}

void chained_store::check_refused(const std::string& words) {
  const files before = look();
  const auto opened = open();
  REQUIRE_FALSE(opened.ok());
  INFO(to_string(opened.error()));
  CHECK(opened.error().code == errc::store_corrupt);
  CHECK(opened.error().detail.find(words) != std::string::npos);
  files after = look();
  if (!before.contains(log()) && after.contains(log()) && after[log()].empty())
    after.erase(log()); // SQLite makes one, with nothing in it
  CHECK((after == before));
}

std::size_t place_of(const std::string& text, const std::string& bytes) {
  const std::size_t at = bytes.find(text);
  REQUIRE(at != std::string::npos);
  REQUIRE(bytes.find(text, at + 1) == std::string::npos);
  return at;
}

} // namespace skein::test
