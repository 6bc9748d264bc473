// Backups and exports: what comes out of them is the store that went in, or they are refused.
#include "journal/sqlite_backup.hpp"
#include "journal/sqlite_dump.hpp"
#include "journal/sqlite_repair.hpp"
#include "journal/store_export.hpp"
#include "tests/journal/damaged_files.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <variant>

using namespace skein;
using namespace skein::test;

namespace {

const instant noon = from_ns(1'700'000'000'000'000'000);

struct some_store {
  temp_dir parent;
  std::string path = parent.path() + "/store";
  std::string file = parent.path() + "/one.skein-backup";
  std::string copy = parent.path() + "/copy";
  kept_rows rows;

  explicit some_store(bool killed = false, bool dropping = false) {
    const damaged_files made{60, killed, dropping};
    lay_files(path, made.whole());
    rows = read_rows(path);
  }
  result<backup_report> back_up() const {
    return create_backup({.directory = path, .file = file, .now = noon});
  }
  result<backup_report> restore() const {
    return restore_backup({.directory = copy, .file = file, .now = noon});
  }
};

template <class Rows>
bool is_same(const Rows& a, const Rows& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.first == y.first && x.second.bytes == y.second.bytes;
  });
}

void check_same(const kept_rows& a, const kept_rows& b) {
  CHECK(is_same(a.events, b.events));
  CHECK(is_same(a.outcomes, b.outcomes));
  CHECK(is_same(a.attempts, b.attempts));
  CHECK(is_same(a.states, b.states));
}

std::string bytes_of(const std::string& file) {
  std::ifstream from{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{from}, std::istreambuf_iterator<char>{}};
}

std::string export_of(const std::string& path) {
  std::string text;
  must(export_sqlite({.directory = path, .now = noon}, [&](std::string_view line) {
    text += line;
    return true;
  }));
  return text;
}

/// Times of what is pending.
std::vector<timer> timers_of(const std::string& path) {
  auto opened = must(skein::journal::open(path, {.now = noon, .seed = 4}));
  std::set<std::uint64_t> pending;
  must(opened->recover([&](const pending_event& each) { pending.insert(each.event.sequence); }));
  timer_query all;
  all.until = noon + std::chrono::hours{24};
  auto found = must(must(opened->new_reader())->timers(all));
  std::erase_if(found.timers,
                [&](const timer& each) { return !pending.contains(each.event.sequence); });
  return found.timers;
}

/// Without the line that says when and up to which commit.
std::string without_header(const std::string& text) { return text.substr(text.find('\n')); }
std::string without_end(const std::string& text) { return text.substr(0, text.rfind("{\"end\"")); }

bool is_one_of_the_agents(const std::string& name) {
  const auto all = workload_agents();
  return std::find(all.begin(), all.end(), name) != all.end();
}

template <class T>
result<void> forget(const result<T>& of) {
  return of.ok() ? result<void>{} : result<void>{of.error()};
}

} // namespace

TEST_CASE("a backup is the store, and a restored one goes on from there") {
  some_store store{GENERATE(true, false), GENERATE(true, false)};
  const auto made = must(store.back_up());
  CHECK(raw(made.checked.last) == store.rows.last);
  CHECK(must(check_backup(store.file)).checked.last == made.checked.last);
  const auto restored = must(store.restore());
  CHECK(restored.checked.problems == std::vector<std::string>{});
  check_same(read_rows(store.copy), store.rows);
  auto opened = must(skein::journal::open(store.copy, {.now = noon, .seed = 4}));
  must(opened->recover([](const pending_event&) {}));
  CHECK(must(opened->events_ledger()).balanced());
}

TEST_CASE("a dry run of backup and restore writes nothing") {
  some_store store;
  must(create_backup({.directory = store.path, .file = store.file, .now = noon, .dry_run = true}));
  CHECK_FALSE(std::filesystem::exists(store.file));
  must(store.back_up());
  must(restore_backup({.directory = store.copy, .file = store.file, .now = noon, .dry_run = true}));
  CHECK_FALSE(std::filesystem::exists(store.copy));
}

TEST_CASE("a changed or cut backup is not restored") {
  some_store store;
  must(store.back_up());
  const std::string whole = bytes_of(store.file);
  const std::size_t place = GENERATE(0u, 1u, 2u, 3u, 4u, 5u, 6u, 7u);
  std::string bytes = whole;
  const std::size_t at = whole.size() * place / 8;
  if (GENERATE(true, false))
    bytes.resize(at);
  else
    bytes.replace(at, 8'192, std::string(8'192, '\x5a'));
  std::filesystem::remove(store.file);
  std::ofstream{store.file, std::ios::binary} << bytes;
  CHECK_FALSE(check_backup(store.file).ok());
  const auto refused = store.restore();
  REQUIRE_FALSE(refused.ok());
  CHECK_FALSE(std::filesystem::exists(store.copy + "/journal.db"));
}

TEST_CASE("a backup in a folder is named by store and commit, whatever the folder ends with") {
  some_store store;
  const std::string folder = std::filesystem::path{store.file}.parent_path().string();
  const auto made = create_backup({.directory = store.path, .file = folder + "/", .dry_run = true});
  REQUIRE(made.ok());
  CHECK(made->file.starts_with(folder + "/"));
  CHECK(made->file.find("//") == std::string::npos);
  CHECK(made->file.ends_with(".skein-backup"));
}

TEST_CASE("nothing that is there is written over") {
  some_store store;
  must(store.back_up());
  const auto again = store.back_up();
  REQUIRE_FALSE(again.ok());
  CHECK(again.error().code == errc::state_conflict);
  must(store.restore());
  const auto twice = store.restore();
  REQUIRE_FALSE(twice.ok());
  CHECK(twice.error().code == errc::state_conflict);
  std::istringstream text{export_of(store.path)};
  const auto imported = import_sqlite({.directory = store.copy}, text);
  REQUIRE_FALSE(imported.ok());
  CHECK(imported.error().code == errc::state_conflict);
}

TEST_CASE("what a restore that was stopped has left does not hold up the next one") {
  some_store store;
  must(store.back_up());
  std::filesystem::create_directories(store.copy + "/unfinished");
  std::filesystem::permissions(store.copy, std::filesystem::perms::owner_all);
  std::ofstream{store.copy + "/unfinished/journal.db"} << "half";
  must(store.restore());
  check_same(read_rows(store.copy), store.rows);
}

TEST_CASE("a store that is not whole gives no backup and no export") {
  some_store store;
  auto files = read_files(store.path);
  files["journal.db"].resize(files["journal.db"].size() - 8'192);
  lay_files(store.path, files);
  CHECK_FALSE(store.back_up().ok());
  CHECK_FALSE(std::filesystem::exists(store.file));
}

TEST_CASE("a store of which nobody knows whether its end is there gives no backup and no export") {
  const some_store store;
  const std::string mark = store.path + "/high-water";
  SECTION("the mark is gone") { std::filesystem::remove(mark); }
  SECTION("journal.db is older than the mark") {
    const damaged_files longer{70, false};
    std::ofstream{mark, std::ios::binary | std::ios::trunc} << longer.whole().at("high-water");
  }
  CHECK(store.back_up().error().code == errc::store_corrupt);
  CHECK_FALSE(std::filesystem::exists(store.file));
  const auto exported = export_sqlite({.directory = store.path, .now = noon}, [](std::string_view) {
    FAIL("nothing is written");
    return true;
  });
  CHECK(exported.error().code == errc::store_corrupt);
}

TEST_CASE("where there is no store, and where it is lost, all who read one say the same") {
  const some_store store;
  const auto told = [&](const std::string& path) {
    const auto verified = verify_sqlite(path);
    REQUIRE_FALSE(verified.ok());
    const error why = verified.error();
    const std::array<result<void>, 4> others{
        forget(create_backup({.directory = path, .file = store.file, .now = noon})),
        forget(dump_sqlite({.directory = path}, [](const dump_record&) { return true; })),
        forget(
            export_sqlite({.directory = path, .now = noon}, [](std::string_view) { return true; })),
        forget(repair_sqlite({.directory = path, .write_report = {}}))};
    for (const auto& each : others) {
      REQUIRE_FALSE(each.ok());
      CHECK(each.error().code == why.code);
      CHECK(each.error().detail == why.detail);
    }
    CHECK_FALSE(std::filesystem::exists(store.file));
    return why;
  };
  const error absent = told(store.copy);
  CHECK(absent.code == errc::not_found);
  CHECK(absent.detail == "there is no store in " + store.copy);
  CHECK_FALSE(std::filesystem::exists(store.copy));
  std::filesystem::remove(store.path + "/journal.db");
  const error lost = told(store.path);
  CHECK(lost.code == errc::store_corrupt);
  CHECK_THAT(lost.detail, Catch::StartsWith(store.path + "/journal.db is missing or empty, but"));
}

TEST_CASE("an export comes back as the same store") {
  some_store store;
  const std::string text = export_of(store.path);
  std::istringstream from{text};
  must(import_sqlite({.directory = store.copy}, from));
  check_same(read_rows(store.copy), store.rows);
  CHECK(without_end(without_header(export_of(store.copy))) == without_end(without_header(text)));
}

TEST_CASE("a dump shows each record that is there once") {
  some_store store{false, GENERATE(true, false)};
  std::map<std::string, std::size_t> shown;
  const auto summary = must(dump_sqlite({.directory = store.path}, [&](const dump_record& each) {
    ++shown[each.kind];
    for (const auto& [name, value] : each.values)
      if (name == "agent") {
        INFO(each.kind);
        CHECK(is_one_of_the_agents(std::get<std::string>(value)));
      }
    return true;
  }));
  CHECK(summary.damaged == 0);
  CHECK(shown["commit"] == store.rows.last - store.rows.first + 1);
  CHECK(shown["event"] == store.rows.events.size());
  CHECK(shown["outcome"] == store.rows.outcomes.size());
  CHECK(shown["attempt"] == store.rows.attempts.size());
  CHECK(shown["state"] == store.rows.states.size());
}

TEST_CASE("what waits for its time does so in the copy") {
  some_store store{GENERATE(true, false), GENERATE(true, false)};
  std::istringstream text{export_of(store.path)};
  const std::string imported = store.parent.path() + "/imported";
  must(import_sqlite({.directory = imported}, text));
  must(store.back_up());
  must(store.restore());
  const std::vector<timer> waiting = timers_of(store.path);
  REQUIRE(waiting.size() > 3);
  CHECK((timers_of(store.copy) == waiting));
  CHECK((timers_of(imported) == waiting));
}

TEST_CASE("what retention left is exported and comes back, with where it begins") {
  some_store store{false, true};
  REQUIRE(store.rows.first > 10);
  REQUIRE(store.rows.events.begin()->second.commit == 0); // older than the oldest commit
  const std::string text = export_of(store.path);
  std::istringstream from{text};
  must(import_sqlite({.directory = store.copy}, from));
  const kept_rows made = read_rows(store.copy);
  check_same(made, store.rows);
  CHECK(made.first == store.rows.first);
  CHECK(without_end(without_header(export_of(store.copy))) == without_end(without_header(text)));
  // It goes on dropping where the other one was.
  const instant later = noon + std::chrono::hours{1};
  skein::journal::open_options options{.now = later, .seed = 4};
  options.dedupe_window = options.retention = std::chrono::seconds{20};
  std::uint64_t dropped[2]{};
  for (const std::string* path : {&store.path, &store.copy}) {
    auto opened = must(skein::journal::open(*path, options));
    must(opened->recover([](const pending_event&) {}));
    // The last commit stays: in both one of which nothing can go.
    (void)must(opened->agent_number("later"));
    (void)must(opened->commit(std::vector<operation>{}, later));
    while (must(opened->upkeep(later)))
      ;
    dropped[path == &store.copy] = opened->retention().dropped_events;
    CHECK(must(opened->events_ledger()).balanced());
  }
  CHECK(dropped[0] > 0);
  CHECK(dropped[0] == dropped[1]);
}

TEST_CASE("an import knows what was accepted before, with other shards too") {
  some_store store;
  std::istringstream from{export_of(store.path)};
  const std::uint32_t shards = GENERATE(0u, 7u);
  must(import_sqlite({.directory = store.copy, .shards = shards}, from));
  auto opened = must(skein::journal::open(
      store.copy, {.shards = shards == 0 ? 256 : shards, .now = noon, .seed = 4}));
  must(opened->recover([](const pending_event&) {}));
  CHECK(must(opened->events_ledger()).balanced());
  CHECK(must(opened->events_ledger()).accepted == store.rows.events.size());
}

TEST_CASE("a cut or changed export is refused, by its line, and nothing is made") {
  some_store store;
  std::string text = export_of(store.path);
  const std::string words = GENERATE(as<std::string>{}, "cut", "changed", "more", "nothing");
  if (words == "cut")
    text.resize(text.size() * 2 / 3);
  else if (words == "changed")
    text[text.size() / 2] = static_cast<char>(text[text.size() / 2] == '1' ? '2' : '1');
  else if (words == "more")
    text += "{}\n";
  else
    text.clear();
  std::istringstream from{text};
  const auto refused = import_sqlite({.directory = store.copy}, from);
  REQUIRE_FALSE(refused.ok());
  INFO(to_string(refused.error()));
  CHECK(refused.error().code == errc::invalid_argument);
  CHECK_FALSE(std::filesystem::exists(store.copy)); // the folder was made for it
  std::filesystem::create_directory(store.copy);
  std::istringstream again{text};
  REQUIRE_FALSE(import_sqlite({.directory = store.copy}, again).ok());
  CHECK(std::filesystem::is_empty(store.copy)); // this one was there
}

TEST_CASE("a file of another kind is not told as a damaged store, and the right command is named") {
  some_store store;
  must(store.back_up());
  const std::string backup = bytes_of(store.file);
  std::istringstream from{backup};
  const auto imported = import_sqlite({.directory = store.copy}, from);
  REQUIRE_FALSE(imported.ok());
  CHECK(imported.error().code == errc::invalid_argument);
  CHECK_THAT(imported.error().detail, Catch::Contains("use 'skein backup restore'"));
  const std::string text = GENERATE(as<std::string>{}, "export", "# Skein\n", "");
  std::ofstream{store.file, std::ios::binary | std::ios::trunc}
      << (text == "export" ? export_of(store.path) : text);
  const auto restored = store.restore();
  REQUIRE_FALSE(restored.ok());
  CHECK(restored.error().code == errc::invalid_argument);
  CHECK_THAT(restored.error().detail,
             Catch::Contains(text == "export" ? "use 'skein journal import'"
                                              : "does not begin as a backup does"));
  CHECK_FALSE(std::filesystem::exists(store.copy));
}
