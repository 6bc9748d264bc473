// The folder that a restore or an import makes a store in: nobody else gets it meanwhile, nothing
// that comes into it is lost, and a stop leaves a folder in which no other store is begun.
#include "journal/new_place.hpp"
#include "journal/sqlite_backup.hpp"
#include "journal/sqlite_options.hpp"
#include "journal/store_export.hpp"
#include "tests/journal/damaged_files.hpp"

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <sstream>

using namespace skein;
using namespace skein::test;

namespace {

const instant noon = from_ns(1'700'000'000'000'000'000);

/// A backup, an export, and a folder that is not there yet.
struct works {
  temp_dir parent;
  std::string path = parent.path() + "/store";
  std::string file = parent.path() + "/one.skein-backup";
  std::string text;
  std::string copy = parent.path() + "/copy";

  works() {
    lay_files(path, damaged_files{20, false}.whole());
    must(create_backup({.directory = path, .file = file, .now = noon}));
    must(export_sqlite({.directory = path, .now = noon}, [&](std::string_view line) {
      text += line;
      return true;
    }));
  }
  result<void> restore() const {
    const auto done = restore_backup({.directory = copy, .file = file, .now = noon});
    return done ? result<void>{} : done.error();
  }
  result<void> import() const {
    std::istringstream from{text};
    const auto done = import_sqlite({.directory = copy}, from);
    return done ? result<void>{} : done.error();
  }
};

errc code_of(const result<void>& of) { return of ? errc::none : of.error().code; }

/// As a process that is killed there leaves it: nothing is cleared up.
void put_unfinished(const std::string& folder) {
  std::filesystem::create_directories(folder + "/unfinished");
  for (const std::string& each : {folder, folder + "/unfinished"})
    std::filesystem::permissions(each, std::filesystem::perms::owner_all);
  std::ofstream{folder + "/unfinished/journal.db"} << "half";
}

errc start(const std::string& folder) {
  sqlite_options options{.directory = folder, .store = {.now = noon, .seed = 3}};
  options.lock_patience = duration{0};
  const auto opened = open_sqlite(options);
  return opened ? errc::none : opened.error().code;
}

} // namespace

TEST_CASE("a folder that a process has is not restored or imported into") {
  const works all;
  std::filesystem::create_directory(all.copy);
  std::filesystem::permissions(all.copy, std::filesystem::perms::owner_all);
  const auto lock = must(store_lock::take(all.copy, duration{0}));
  CHECK(code_of(all.restore()) == errc::store_locked);
  CHECK(code_of(all.import()) == errc::store_locked);
  CHECK_FALSE(std::filesystem::exists(all.copy + "/unfinished"));
}

TEST_CASE("no node starts in a folder while a store is made there") {
  const works all;
  {
    auto place = must(new_place::make(all.copy, duration{0}));
    CHECK(start(all.copy) == errc::store_locked);
    CHECK_FALSE(std::filesystem::exists(all.copy + "/journal.db"));
  }
  CHECK_FALSE(std::filesystem::exists(all.copy)); // it was not settled
}

TEST_CASE("what has come into the folder is not written over") {
  const works all;
  const std::string name = GENERATE(as<std::string>{}, "/journal.db", "/journal.db-wal");
  auto place = must(new_place::make(all.copy, duration{0}));
  std::ofstream{place.folder() + "/high-water"} << "new";
  std::ofstream{place.folder() + "/journal.db"} << "new";
  std::ofstream{all.copy + name} << "another's";
  CHECK(code_of(place.settle()) == errc::state_conflict);
  std::ifstream left{all.copy + name};
  CHECK(std::string{std::istreambuf_iterator<char>{left}, {}} == "another's");
}

TEST_CASE("where a restore was stopped no new store is begun, and it can be made again") {
  const works all;
  put_unfinished(all.copy);
  if (GENERATE(false, true)) // between its last two steps
    std::filesystem::copy_file(all.path + "/high-water", all.copy + "/high-water");
  CHECK(start(all.copy) == errc::store_unfinished);
  const auto verified = verify_sqlite(all.copy);
  REQUIRE_FALSE(verified.ok());
  CHECK(verified.error().code == errc::store_unfinished);
  CHECK_FALSE(std::filesystem::exists(all.copy + "/journal.db"));
  CHECK(code_of(GENERATE(true, false) ? all.restore() : all.import()) == errc::none);
  CHECK(start(all.copy) == errc::none);
}

TEST_CASE("what a restore has left that was stopped when the store was there goes at the start") {
  const works all;
  must(all.restore());
  put_unfinished(all.copy);
  CHECK(start(all.copy) == errc::none);
  CHECK_FALSE(std::filesystem::exists(all.copy + "/unfinished"));
}
