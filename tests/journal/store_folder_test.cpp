// Whose a store's folder may be and what may lie in it, and the lock that makes it one process's.
#include "journal/sqlite_options.hpp"
#include "journal/store_lock.hpp"
#include "tests/journal/store_fixture.hpp"
#include "tests/support/temp_dir.hpp"

#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

namespace {

struct folder {
  temp_dir parent;
  std::string path = parent.path() + "/store";

  result<std::unique_ptr<engine>> open() const {
    sqlite_options options{.directory = path, .store = {.seed = 1}};
    options.store.now = from_ns(1'700'000'000'000'000'000);
    options.lock_patience = {};
    return open_sqlite(options);
  }
  void make() const { must(must(open())->close()); }
  /// Refused as unsafe, by the name of what is wrong.
  void check_unsafe(const std::string& what) const {
    const auto opened = open();
    REQUIRE_FALSE(opened.ok());
    CHECK(opened.error().code == errc::store_unsafe);
    CHECK(opened.error().detail.find(what) != std::string::npos);
  }
};

mode_t mode_of(const std::string& path) {
  struct stat found {};
  REQUIRE(::stat(path.c_str(), &found) == 0);
  return found.st_mode & 0777;
}

const auto store_files = {"/lock", "/journal.db", "/journal.db-wal", "/journal.db-shm",
                          "/high-water"};

} // namespace

TEST_CASE("a link in the place of a store's file is refused and not followed") {
  const std::string name = GENERATE(values<std::string>(
      {"/lock", "/journal.db", "/journal.db-wal", "/journal.db-shm", "/high-water"}));
  folder store;
  if (GENERATE(false, true)) // a store that is there, or one to be made
    store.make();
  else
    REQUIRE(::mkdir(store.path.c_str(), 0700) == 0);
  std::filesystem::remove(store.path + name);
  const std::string target = store.parent.path() + "/elsewhere";
  std::ofstream{target} << "mine";
  std::filesystem::create_symlink(target, store.path + name);
  store.check_unsafe(store.path + name);
  CHECK(std::filesystem::file_size(target) == 4);
}

TEST_CASE("what is not a plain file in the place of a store's file is refused") {
  folder store;
  REQUIRE(::mkdir(store.path.c_str(), 0700) == 0);
  REQUIRE(::mkfifo((store.path + "/journal.db").c_str(), 0600) == 0);
  store.check_unsafe(store.path + "/journal.db");
}

TEST_CASE("a folder or a file that others may write to is refused with what to do") {
  folder store;
  store.make();
  const std::string name = GENERATE(values<std::string>({"", "/lock", "/journal.db"}));
  const mode_t mode = GENERATE(mode_t{0720}, mode_t{0702});
  REQUIRE(::chmod((store.path + name).c_str(), mode) == 0);
  store.check_unsafe("chmod go-w " + store.path + name);
  REQUIRE(::chmod((store.path + name).c_str(), 0700) == 0);
  CHECK(store.open().ok());
}

TEST_CASE("a folder that others may look into is taken, its files are taken from them") {
  folder store;
  store.make();
  REQUIRE(::chmod(store.path.c_str(), 0755) == 0);
  REQUIRE(::chmod((store.path + "/journal.db").c_str(), 0644) == 0);
  const auto opened = must(store.open());
  for (const char* const name : store_files)
    CHECK(mode_of(store.path + name) == 0600);
}

TEST_CASE("a folder or a file of another user is refused by name") {
  if (::geteuid() != 0)
    return; // only root can make one
  folder store;
  store.make();
  const std::string name = GENERATE(values<std::string>({"", "/journal.db"}));
  REQUIRE(::chown((store.path + name).c_str(), 1, 1) == 0);
  store.check_unsafe(store.path + name + " belongs to user 1");
}

TEST_CASE("the folder itself may be reached by a link") {
  folder store;
  REQUIRE(::mkdir((store.parent.path() + "/real").c_str(), 0700) == 0);
  std::filesystem::create_symlink(store.parent.path() + "/real", store.path);
  store.make();
  CHECK(store.open().ok());
}

TEST_CASE("who removes the lock's file does not get the folder") {
  temp_dir folder;
  const auto first = must(store_lock::take(folder.path(), 0ms));
  REQUIRE(std::filesystem::remove(folder.path() + "/lock"));
  const auto second = store_lock::take(folder.path(), 0ms);
  REQUIRE_FALSE(second.ok());
  CHECK(second.error().code == errc::store_locked);
  CHECK_FALSE(std::filesystem::exists(folder.path() + "/lock"));
}

TEST_CASE("a commit whose file was removed, replaced or moved away is not acknowledged") {
  const std::string name = GENERATE(values<std::string>(
      {"/lock", "/journal.db", "/journal.db-wal", "/journal.db-shm", "/high-water", ""}));
  const bool replaced = GENERATE(false, true);
  folder store;
  auto opened = must(store.open());
  const std::vector<operation> batch;
  (void)opened->agent_number("first"); // a new name alone makes a commit
  REQUIRE(opened->commit(batch, {}).ok());
  std::filesystem::rename(store.path + name, store.parent.path() + "/moved");
  if (replaced && !name.empty())
    std::ofstream{store.path + name} << "other";
  else if (replaced)
    std::filesystem::create_directory(store.path);
  INFO(name << " replaced " << replaced);
  (void)opened->agent_number("second");
  const auto refused = opened->commit(batch, {});
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == errc::store_gone);
  CHECK(refused.error().detail.find(store.path + name) == 0);
  CHECK_FALSE(is_refusal(refused.error().code));
  CHECK_FALSE(opened->commit(batch, {}).ok());
}

TEST_CASE("a file that was removed is found by the upkeep and by the end, too") {
  const bool at_close = GENERATE(false, true);
  folder store;
  auto opened = must(store.open());
  REQUIRE(opened->upkeep({}).ok());
  REQUIRE(std::filesystem::remove(store.path + "/journal.db"));
  if (at_close) {
    CHECK(opened->close().error().code == errc::store_gone);
  } else {
    CHECK_FALSE(opened->upkeep({}).ok());
  }
}

TEST_CASE("a lock that is given up in time is waited for") {
  temp_dir folder;
  auto first = must(store_lock::take(folder.path(), 0ms));
  int pauses = 0;
  const auto second = store_lock::take(folder.path(), 2s, [&](duration) {
    if (++pauses == 3)
      first.reset();
  });
  CHECK(second.ok());
  CHECK(pauses == 3);
}

TEST_CASE("a lock that stays held is refused when the patience is over, not before") {
  temp_dir folder;
  const auto first = must(store_lock::take(folder.path(), 0ms));
  duration waited{0};
  const auto second = store_lock::take(folder.path(), 2s, [&](duration pause) { waited += pause; });
  REQUIRE_FALSE(second.ok());
  CHECK(second.error().code == errc::store_locked);
  CHECK(second.error().detail.find(std::to_string(::getpid())) != std::string::npos);
  CHECK(waited == 2s);
}
