// Repair: whatever is damaged, what can be read is kept, and what is lost is named; checked against
// the store as it was. Those tagged "[.long]" go over every page and every kind of place.
//
// What it skips, and why nothing is lost by it: a byte of the log damages its frame, wherever in
// the frame it is, and which frame that is matters most. So each frame of the log is damaged in
// each field of its header and of its page's, and in a few places of its page, others in each
// frame; and it is cut before, in the header of, and in each frame. A page of the file that is cut
// reads as zeros from there on: each is cut in two places.
#include "journal/high_water.hpp"
#include "journal/sqlite_db.hpp"
#include "journal/sqlite_verify.hpp"
#include "journal/store_lock.hpp"
#include "journal/store_swap.hpp"
#include "tests/journal/byte_changes.hpp"
#include "tests/journal/damaged_files.hpp"

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <random>

using namespace skein;
using namespace skein::test;

namespace {

constexpr std::size_t page = limits::journal_page_bytes;

/// How much larger the steps over a file are with sanitizers, which take five times the time.
#ifdef SKEIN_SANITIZED
constexpr std::size_t coarser = 3;
#else
constexpr std::size_t coarser = 1;
#endif

std::string random_bytes(std::size_t count, std::uint64_t seed) {
  std::mt19937_64 random{seed};
  std::string bytes(count, '\0');
  for (char& each : bytes)
    each = static_cast<char>(random());
  return bytes;
}

/// Each page of the file becomes zeros, becomes random bytes, and is where the file ends.
void lose_pages(damaged_files& store, std::size_t stride) {
  const std::string& file = store.whole().at("journal.db");
  for (std::size_t at = 0; at < file.size(); at += stride * page) {
    INFO("page " << at / page + 1);
    auto files = store.whole();
    files["journal.db"].replace(at, page, std::string(page, '\0'));
    store.check(files);
    files["journal.db"].replace(at, page, random_bytes(page, at));
    store.check(files);
    files["journal.db"].resize(at);
    store.check(files);
  }
}

void cut(damaged_files& store, const std::string& name, std::size_t stride) {
  if (!store.whole().contains(name))
    return;
  const std::string& whole = store.whole().at(name);
  for (std::size_t size = 0; size < whole.size(); size += stride) {
    INFO(name << " cut at " << size);
    auto files = store.whole();
    files[name].resize(size);
    store.check(files);
  }
}

void change_bytes(damaged_files& store, const std::string& name, std::size_t stride) {
  const std::string& whole = store.whole().at(name);
  for (std::size_t at = 0; at < whole.size(); at += stride) {
    INFO(name << " changed at " << at);
    auto files = store.whole();
    const auto by = byte_changes[at / stride % byte_changes.size()];
    files[name][at] = static_cast<char>(files[name][at] ^ by);
    store.check(files);
  }
}

repair_options options_for(const std::string& path, bool apply) {
  return {.directory = path,
          .apply = apply,
          .now = from_ns(1'700'000'000'000'000'000),
          .write_report = [](const repair_report&) { return "{}"; }};
}

/// A folder with a store whose last page is gone.
struct broken_folder {
  damaged_files store{30, false};
  temp_dir parent;
  std::string path = parent.path() + "/store";
  broken_folder() {
    auto files = store.whole();
    files["journal.db"].resize(files["journal.db"].size() - page);
    lay_files(path, files);
  }
};

} // namespace

TEST_CASE("a store that is whole is not repaired") {
  damaged_files store{20, GENERATE(true, false), GENERATE(true, false)};
  store.check(store.whole());
  CHECK(store.repaired() == 0);
  CHECK(store.refused() == 0);
}

TEST_CASE("a page that is lost takes with it what is named, and nothing else") {
  damaged_files store{40, false};
  lose_pages(store, 2 * coarser);
  CHECK(store.repaired() > store.beyond_repair());
  CHECK(store.repaired() > store.without_loss());
}

TEST_CASE("a store from which retention has dropped is repaired, from where it begins") {
  damaged_files store{60, GENERATE(true, false), true};
  lose_pages(store, 2 * coarser);
  cut(store, "journal.db-wal", 40'009 * coarser);
  CHECK(store.repaired() > store.beyond_repair());
  CHECK(store.repaired() > store.without_loss());
}

TEST_CASE("a file that ends early anywhere is repaired") {
  damaged_files store{40, true};
  cut(store, "journal.db", 40'009 * coarser);
  cut(store, "journal.db-wal", 40'009 * coarser);
  cut(store, "high-water", 1'021 * coarser);
  CHECK(store.repaired() > 0);
}

TEST_CASE("a byte that changes anywhere is repaired") {
  damaged_files store{40, true};
  change_bytes(store, "journal.db", 10'007 * coarser);
  change_bytes(store, "journal.db-wal", 20'011 * coarser);
  change_bytes(store, "high-water", 499 * coarser);
  CHECK(store.repaired() > 0);
}

TEST_CASE("a byte that changes anywhere is repaired where retention has dropped something too") {
  damaged_files store{60, false, true};
  change_bytes(store, "journal.db", 4'999 * coarser);
  CHECK(store.repaired() > 0);
}

TEST_CASE("where no commit can be read, what is kept begins with its first event") {
  damaged_files store{60, false, true}; // the clock of a repair in these tests is before all of it
  auto files = store.whole();
  temp_dir folder;
  lay_files(folder.path() + "/store", files);
  auto db = must(database::open(folder.path() + "/store/journal.db", {}));
  const auto root = must(db.number("SELECT rootpage FROM sqlite_master WHERE name = 'commits'"));
  const auto at = static_cast<std::size_t>(root - 1) * page;
  files["journal.db"].replace(at, page, std::string(page, '\0'));
  store.check(files);
  CHECK(store.repaired() == 1);
}

TEST_CASE("where neither the commits nor where they begin can be read, what was dropped stays so") {
  damaged_files store{60, false, true};
  auto files = store.whole();
  temp_dir folder;
  const std::string path = folder.path() + "/store";
  lay_files(path, files);
  const auto first = [&] {
    auto db = must(database::open(path + "/journal.db", {}));
    for (const std::string table : {"commits", "kept"}) {
      const auto root =
          must(db.number("SELECT rootpage FROM sqlite_master WHERE name = '" + table + "'"));
      const auto at = static_cast<std::size_t>(root - 1) * page;
      files["journal.db"].replace(at, page, std::string(page, '\0'));
    }
    return must(db.number("SELECT min(no) FROM event"));
  }();
  REQUIRE(first > 1);
  std::filesystem::remove_all(path);
  lay_files(path, files);
  const auto report = must(repair_sqlite(options_for(path, true)));
  CHECK(report.beginning_unknown);
  CHECK(report.repaired);
  auto db = must(database::open(path + "/journal.db", {}));
  CHECK(must(db.number("SELECT min(no) FROM event")) == first);
  CHECK(must(verify_sqlite(path)).problems == std::vector<std::string>{});
}

TEST_CASE("a repair that goes on keeps the damaged files, though the folder for them is gone") {
  broken_folder broken;
  const auto damaged = read_files(broken.path).at("journal.db");
  auto options = options_for(broken.path, true);
  options.may_go_on = [&] { return !is_swap_begun(broken.path); };
  REQUIRE_FALSE(repair_sqlite(options).ok());
  REQUIRE(is_swap_begun(broken.path));
  const auto aside = [&]() -> std::string {
    for (const auto& each : std::filesystem::directory_iterator{broken.path})
      if (each.path().filename().string().starts_with("damaged-"))
        return each.path().string();
    return {};
  }();
  REQUIRE_FALSE(aside.empty());
  std::filesystem::remove_all(aside);
  must(finish_swap(broken.path, {}));
  REQUIRE(std::filesystem::exists(aside + "/journal.db"));
  CHECK(std::filesystem::file_size(aside + "/journal.db") == damaged.size());
  CHECK(must(verify_sqlite(broken.path)).problems == std::vector<std::string>{});
}

TEST_CASE("one damaged frame of the log takes nothing of what follows it") {
  damaged_files store{40, true};
  const std::string& log = store.whole().at("journal.db-wal");
  const auto counts = [&](std::size_t frame) { // is of the log as it began last
    const std::size_t at = 32 + (24 + page) * frame;
    return at + 24 + page <= log.size() && log.compare(at + 8, 8, log, 16, 8) == 0;
  };
  std::size_t frames = 0;
  while (counts(frames))
    ++frames;
  REQUIRE(frames > 10);
  auto files = store.whole();
  // Before the commit that the mark names: else a start may not miss what follows.
  files["journal.db-wal"][32 + (24 + page) * (frames / 4) + 24 + page - 1] ^= 1;
  store.check(files);
  CHECK(store.refused() == 1);
  CHECK(store.repaired() == 1);
}

TEST_CASE("a repair can be stopped before any step, and one of the two stores is there") {
  damaged_files whole{30, false};
  auto damaged = whole.whole();
  damaged["journal.db"].resize(damaged["journal.db"].size() - page);
  temp_dir parent;
  const std::string path = parent.path() + "/store";
  bool stopped = true;
  int steps = 0;
  for (; stopped; ++steps) {
    INFO("stopped before step " << steps);
    lay_files(path, damaged);
    auto options = options_for(path, true);
    int left = steps;
    options.may_go_on = [&] { return left-- > 0; };
    stopped = !repair_sqlite(options).ok();
    if (stopped && !is_swap_begun(path)) {
      const auto files = read_files(path);
      const bool is_old =
          files.contains("journal.db") && files.at("journal.db") == damaged["journal.db"];
      CHECK((is_old || must(verify_sqlite(path)).problems.empty()));
      if (is_old)
        continue;
    }
    // A start goes on from there, as the next repair would.
    auto opened = must(skein::journal::open(path, {.now = options.now, .seed = 3}));
    must(opened->recover([](const pending_event&) {}));
    must(opened->close());
    CHECK_FALSE(is_swap_begun(path));
    CHECK(must(verify_sqlite(path)).problems == std::vector<std::string>{});
  }
  CHECK(steps > 8);
}

TEST_CASE("files of identities go aside with the store that they were of") {
  broken_folder broken;
  std::filesystem::create_directory(broken.path + "/dedupe");
  std::filesystem::permissions(broken.path + "/dedupe", std::filesystem::perms::owner_all);
  std::ofstream{broken.path + "/dedupe/1.ids"} << "those of the damaged store";
  const auto report = must(repair_sqlite(options_for(broken.path, true)));
  CHECK(std::filesystem::exists(report.aside + "/dedupe/1.ids"));
  CHECK_FALSE(std::filesystem::exists(broken.path + "/dedupe/1.ids"));
  CHECK_FALSE(std::filesystem::exists(broken.path + "/repair-new"));
  CHECK_FALSE(std::filesystem::exists(broken.path + "/repair-step"));
}

TEST_CASE("a store that somebody has is not repaired") {
  broken_folder broken;
  const auto lock = must(store_lock::take(broken.path, duration{}));
  const auto refused = repair_sqlite(options_for(broken.path, true));
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == errc::store_locked);
}

TEST_CASE("a lost end that was marked is stated by its commits") {
  damaged_files store{30, true};
  temp_dir parent;
  const std::string path = parent.path() + "/store";
  auto files = store.whole();
  files.erase("journal.db-wal");
  lay_files(path, files);
  const auto report = must(repair_sqlite(options_for(path, true)));
  REQUIRE(report.commits_gone);
  CHECK(report.commits_gone->first == raw(report.last) + 1);
  CHECK(report.commits_gone->last == store.marked());
  CHECK(report.repaired);
  CHECK(std::filesystem::exists(report.aside + "/repair-report.json"));
}

namespace {

constexpr std::size_t log_header = 32;
constexpr std::size_t frame_header = 24;
constexpr std::size_t frame = frame_header + page;

/// Fields of a log's header, of a frame's, and of a page's with its first cells' places.
constexpr std::size_t log_fields[] = {0, 4, 8, 12, 16, 20, 24, 28};
constexpr std::size_t frame_fields[] = {0, 3, 7, 8, 12, 16, 20};
constexpr std::size_t page_fields[] = {0, 2, 4, 6, 7, 10, 13};
constexpr std::size_t places_in_page = 4;

void change(damaged_files& store, const std::string& name, std::size_t at) {
  INFO(name << " changed at " << at);
  auto files = store.whole();
  files[name][at] = static_cast<char>(files[name][at] ^ 0x20);
  store.check(files);
}

void cut_at(damaged_files& store, const std::string& name, std::size_t size) {
  INFO(name << " cut at " << size);
  auto files = store.whole();
  files[name].resize(size);
  store.check(files);
}

void change_frames(damaged_files& store) {
  const std::string log = "journal.db-wal";
  const std::size_t size = store.whole().at(log).size();
  std::mt19937_64 random{3};
  for (const std::size_t each : log_fields)
    change(store, log, each);
  for (std::size_t at = log_header; at + frame <= size; at += frame) {
    for (const std::size_t each : frame_fields)
      change(store, log, at + each);
    for (const std::size_t each : page_fields)
      change(store, log, at + frame_header + each);
    for (std::size_t i = 0; i < places_in_page; ++i)
      change(store, log, at + frame_header + (i * page + random() % page) / places_in_page);
  }
}

void cut_frames(damaged_files& store) {
  const std::string log = "journal.db-wal";
  const std::size_t size = store.whole().at(log).size();
  cut_at(store, log, 0);
  cut_at(store, log, log_header / 2);
  for (std::size_t at = log_header; at + frame <= size; at += frame)
    for (const std::size_t more : {std::size_t{0}, frame_header / 2, frame_header + page / 2})
      cut_at(store, log, at + more);
}

void cut_pages(damaged_files& store) {
  const std::size_t size = store.whole().at("journal.db").size();
  for (std::size_t at = 0; at < size; at += page)
    for (const std::size_t more : {std::size_t{50}, page / 2})
      cut_at(store, "journal.db", at + more);
}

} // namespace

TEST_CASE("any page and any byte of a closed store", "[.long][closed]") {
  damaged_files closed{60, false};
  lose_pages(closed, 1);
  change_bytes(closed, "journal.db", 251);
}

TEST_CASE("any page and any byte where retention has dropped something", "[.long][dropped]") {
  damaged_files closed{60, false, true};
  lose_pages(closed, 1);
  change_bytes(closed, "journal.db", 251);
}

TEST_CASE("any page, any end, any byte of a store whose process was killed", "[.long][killed]") {
  damaged_files killed{60, true};
  lose_pages(killed, 1);
  cut_pages(killed);
  change_bytes(killed, "journal.db", 251);
}

TEST_CASE("any end, any field of the log of a store whose process was killed", "[.long][log]") {
  damaged_files killed{60, true};
  cut_frames(killed);
  change_frames(killed);
  cut(killed, "high-water", 509);
  change_bytes(killed, "high-water", 251);
}
