// The SQLite engine with a window of identities that lies in files, on a real disk.
#include "tests/journal/store_fixture.hpp"
#include "tests/support/temp_dir.hpp"

#include <filesystem>
#include <sqlite3.h>
#include <sys/stat.h>
#include <thread>

using namespace skein;
using namespace skein::test;
namespace fs = std::filesystem;

namespace {

/// A directory that a test can reach into, and how its store is opened.
struct folder {
  temp_dir parent;
  std::string path = parent.path() + "/store";
  std::size_t bucket = 8;
  job_runner run = run_at_once;

  engine_kind kind() {
    class place final : public store_place {
     public:
      explicit place(folder& of) : of_{of} {}
      result<std::unique_ptr<engine>> open(const open_options& options) override {
        sqlite_options all{.directory = of_.path, .store = options};
        all.dedupe_bucket = of_.bucket;
        all.run = of_.run;
        return open_sqlite(all);
      }

     private:
      folder& of_;
    };
    return {"sqlite", [this] { return std::make_unique<place>(*this); }};
  }
  std::string file(const std::string& number) const {
    return path + "/dedupe/" + std::string(16 - number.size(), '0') + number + ".ids";
  }
};

void add(test_store& store, const std::string& name, int count) {
  for (int i = 0; i < count; ++i)
    store.add({.id = name + std::to_string(i)});
}

void check_known(test_store& store, const std::string& name, int count) {
  for (int i = 0; i < count; ++i)
    REQUIRE(store.one(store.accept({.id = name + std::to_string(i)})).status ==
            op_status::duplicate);
}

} // namespace

TEST_CASE("identities lie in files of the store's owner alone, and outlive a restart there") {
  folder of;
  test_store store{of.kind()};
  add(store, "a", 30);
  CHECK(store->counters().dedupe_buckets == 3);
  CHECK(store->counters().dedupe_in_memory == 6);
  CHECK(store->counters().dedupe_entries == 30);
  struct stat found {};
  REQUIRE(::stat((of.path + "/dedupe").c_str(), &found) == 0);
  CHECK((found.st_mode & 07777) == 0700);
  for (const std::string number : {"1", "9", "11"}) {
    REQUIRE(::stat(of.file(number).c_str(), &found) == 0);
    CHECK((found.st_mode & 07777) == 0600);
  }
  CHECK_FALSE(fs::exists(of.file("19")));
  store.reopen(GENERATE(false, true));
  CHECK(store->counters().dedupe_buckets == 3);
  CHECK(store->counters().dedupe_remade == 0);
  CHECK(store->counters().dedupe_in_memory == 6);
  check_known(store, "a", 30);
  CHECK(store.one(store.accept({.id = "a7", .data = "other"})).status == op_status::conflict);
  CHECK(store->counters().dedupe_reads >= 24);
}

TEST_CASE("a store whose folder of identities is gone makes it anew") {
  folder of;
  test_store store{of.kind()};
  add(store, "a", 30);
  fs::remove_all(of.path + "/dedupe");
  store.reopen(false);
  CHECK(store->counters().dedupe_remade == 3);
  check_known(store, "a", 30);
  store.reopen(false);
  CHECK(store->counters().dedupe_remade == 0);
  check_known(store, "a", 30);
}

TEST_CASE("a damaged time of a commit does not make the window shorter") {
  folder of;
  {
    test_store store{of.kind()};
    add(store, "a", 30);
    must(store->close());
  }
  // The first that a search by halves looks at, and others.
  const std::string number = GENERATE(as<std::string>{}, "16", "8", "12", "31");
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open((of.path + "/journal.db").c_str(), &db) == SQLITE_OK);
  const std::string sql = "UPDATE commits SET at = 5 WHERE first_event = " + number;
  CHECK(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(db);
  test_store store{of.kind()};
  check_known(store, "a", 30);
}

TEST_CASE("a link in the place of a file of identities, or of their folder, is refused") {
  folder of;
  {
    test_store store{of.kind()};
    add(store, "a", 30);
    must(store->close());
  }
  const std::string linked = GENERATE(true, false) ? of.file("9") : of.path + "/dedupe";
  fs::rename(linked, of.parent.path() + "/elsewhere");
  fs::create_symlink(of.parent.path() + "/elsewhere", linked);
  sqlite_options all{.directory = of.path, .store = {}};
  all.dedupe_bucket = 8;
  const auto refused = open_sqlite(all);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == errc::store_unsafe);
}

TEST_CASE("files of what a store was before it was put back to an older state do not count") {
  folder of;
  const std::string saved = of.parent.path() + "/saved";
  std::optional<test_store> before{std::in_place, of.kind()};
  add(*before, "a", 20);
  before->reopen();
  fs::create_directory(saved);
  for (const std::string name : {"/journal.db", "/high-water"})
    fs::copy_file(of.path + name, saved + name);
  add(*before, "b", 10); // 4 of them with the last of `a` in a file
  REQUIRE(fs::exists(of.file("11")));
  must((*before)->close());
  before.reset();
  for (const std::string name : {"/journal.db", "/high-water"})
    fs::copy_file(saved + name, of.path + name, fs::copy_options::overwrite_existing);
  for (const std::string name : {"/journal.db-wal", "/journal.db-shm"})
    fs::remove(of.path + name);
  of.run = [](const std::function<void()>&) {}; // nothing is written over
  test_store back{of.kind()};
  add(back, "c", 10);
  of.run = run_at_once;
  back.reopen(false);
  CHECK(back->counters().dedupe_remade == 1);
  check_known(back, "a", 20);
  check_known(back, "c", 10);
  for (int i = 0; i < 10; ++i)
    CHECK(back.one(back.accept({.id = "b" + std::to_string(i)})).status == op_status::applied);
}

TEST_CASE("the engine's own thread writes the files while the store goes on") {
  folder of;
  of.bucket = 64;
  of.run = {};
  test_store store{of.kind()};
  add(store, "a", 700);
  while (store->counters().dedupe_buckets < 10) {
    must(store->upkeep(store.now));
    std::this_thread::yield();
  }
  CHECK(store->counters().dedupe_in_memory == 700 - 640);
  check_known(store, "a", 700);
  add(store, "b", 100);
  store.reopen(false); // perhaps in the middle of a file
  check_known(store, "a", 700);
  check_known(store, "b", 100);
  CHECK(store->counters().dedupe_healed == 0);
}
