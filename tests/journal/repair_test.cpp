// Repair: whatever is damaged, what can be read is kept, and what is lost is named; checked against
// the store as it was. The cases tagged "[.long]" go over every page and every place.
#include "journal/high_water.hpp"
#include "journal/sqlite_verify.hpp"
#include "journal/store_lock.hpp"
#include "journal/store_swap.hpp"
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
    files[name][at] = static_cast<char>(files[name][at] ^ 0x20);
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

TEST_CASE("any page, any end, any byte", "[.long]") {
  damaged_files closed{60, false};
  lose_pages(closed, 1);
  damaged_files killed{60, true};
  lose_pages(killed, 1);
  for (const char* name : {"journal.db", "journal.db-wal", "high-water"}) {
    cut(killed, name, 509);
    change_bytes(killed, name, 251);
  }
}
