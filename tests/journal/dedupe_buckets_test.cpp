// The window of identities with most of it in files: every identity is found for as long as it is
// within the window, wherever it is at that moment, and whatever the disk does.
#include "journal/dedupe_buckets.hpp"
#include "tests/journal/store_fixture.hpp"
#include "tests/support/sim_vfs.hpp"

#include <random>

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

namespace {

const instant start = from_ns(1'700'000'000'000'000'000);
constexpr std::uint64_t bucket = 8;
constexpr auto window = 60s;

hash128 identity(std::uint64_t number) {
  return {number * 0xc2b2ae3d27d4eb4full, number * 0x9e3779b97f4a7c15ull};
}

/// What was committed.
class fake_log final : public identity_log {
 public:
  struct commit {
    std::uint64_t first = 1;
    std::vector<dedupe_window::record> events;
    instant at = no_instant;
  };
  std::vector<commit> commits;
  std::uint64_t identities_read = 0;
  std::uint64_t history = 1; // another one has other digests

  std::uint64_t next() const {
    return commits.empty() ? 1 : commits.back().first + commits.back().events.size();
  }
  bucket_seal seal(std::size_t index) const { return {commit_no{index + 1}, {history, index}}; }

  result<std::uint64_t> first_after(instant oldest) override {
    for (const commit& each : commits)
      if (each.at > oldest)
        return each.first;
    return next();
  }
  result<bucket_seal> read(std::uint64_t first, std::uint64_t last, dedupe_window& into) override {
    for (std::size_t i = 0; i < commits.size(); ++i)
      for (std::size_t j = 0; j < commits[i].events.size(); ++j) {
        const std::uint64_t sequence = commits[i].first + j;
        const dedupe_window::record& each = commits[i].events[j];
        if (sequence >= first && sequence <= last) {
          into.insert(each.identity, each.content, sequence, each.at);
          ++identities_read;
        }
        if (sequence == last)
          return seal(i);
      }
    return error{errc::store_corrupt, "not in the log"};
  }
  result<bool> has(const bucket_seal& asked, std::uint64_t last) override {
    const std::size_t index = raw(asked.commit) - 1;
    return index < commits.size() && seal(index) == asked && commits[index].first <= last &&
           last < commits[index].first + commits[index].events.size();
  }
};

/// A window on a simulated disk, its log, and jobs that wait until a test lets them run.
struct world {
  sim_disk disk{"skein-sim"};
  fake_log log;
  std::vector<std::function<void()>> jobs;
  bool at_once = true;
  std::size_t entries_max = 1'000'000;
  std::size_t memory_max = 6 * bucket;
  std::uint64_t reserve = 1'000'000;
  std::optional<std::uint64_t> free; // on the disk; empty: not known
  std::unique_ptr<dedupe_buckets> ids;
  instant now = start;

  world() { REQUIRE(open()); }
  bool open() {
    jobs.clear();
    ids = std::make_unique<dedupe_buckets>(
        dedupe_buckets::settings{.window = window,
                                 .entries_max = entries_max,
                                 .memory_max = memory_max,
                                 .place = {.vfs = "skein-sim",
                                           .vfs_is_system = false,
                                           .directory = "/d/dedupe",
                                           .store_id = "0123456789abcdef",
                                           .begin = 1,
                                           .size = bucket},
                                 .run =
                                     [this](std::function<void()> job) {
                                       jobs.push_back(std::move(job));
                                       if (at_once)
                                         run_jobs();
                                     },
                                 .reserve = reserve,
                                 .free = [this] { return free; }},
        log);
    return ids->load(now, log.next()).ok();
  }
  void run_jobs() {
    for (const auto& each : std::exchange(jobs, {}))
      each();
  }
  std::optional<std::uint64_t> find(std::uint64_t number) {
    const auto found = must(ids->find(identity(number), now));
    return found ? std::optional{found->sequence} : std::nullopt;
  }
  /// One commit of these numbers, none of which is known. How many there was room for.
  std::size_t insert(std::uint64_t first, std::uint64_t count) {
    fake_log::commit made{.first = log.next(), .events = {}, .at = now};
    for (std::uint64_t i = 0; i < count; ++i) {
      const dedupe_window::record each{identity(first + i), first + i, now};
      if (!must(ids->insert(each.identity, each.content, made.first + i, now)))
        break;
      made.events.push_back(each);
    }
    const std::size_t inserted = made.events.size();
    if (inserted > 0)
      log.commits.push_back(std::move(made));
    return inserted;
  }
  result<void> keep() { return ids->keep(log.seal(log.commits.size() - 1)); }
  void add(std::uint64_t first, std::uint64_t count) {
    REQUIRE(insert(first, count) == count);
    must(keep());
  }
  bool has_file(std::uint64_t begin) const { return disk.has(path_of(begin)); }
  std::string& file(std::uint64_t begin) { return disk.bytes(path_of(begin)); }
  static std::string path_of(std::uint64_t begin) {
    bucket_place place;
    place.directory = "/d/dedupe";
    place.begin = begin;
    return place.path();
  }
};

} // namespace

TEST_CASE("an identity is found in the open bucket, while its bucket is written, and in its file") {
  world one;
  one.at_once = false;
  one.add(1, 5);
  CHECK(one.find(3) == 3);
  one.add(6, 8); // 13: the first bucket is full
  CHECK(one.jobs.size() == 1);
  CHECK(one.ids->counted().buckets == 0);
  for (std::uint64_t i = 1; i <= 13; ++i)
    CHECK(one.find(i) == i);
  CHECK_FALSE(one.find(14));
  one.run_jobs();
  must(one.ids->upkeep(one.now));
  CHECK(one.ids->counted().buckets == 1);
  CHECK(one.ids->counted().in_memory == 5);
  for (std::uint64_t i = 1; i <= 13; ++i)
    CHECK(one.find(i) == i);
  CHECK(one.ids->counted().reads == 8);
  CHECK(one.ids->counted().false_reads == 0);
  CHECK(one.ids->counted().identities == 13);
  CHECK(one.ids->counted().bytes == one.file(1).size());
}

TEST_CASE("a batch that is undone goes from all the buckets that it filled") {
  world one;
  one.add(1, 6);
  for (std::uint64_t i = 0; i < 30; ++i) // over three edges
    REQUIRE(must(one.ids->insert(identity(100 + i), 0, 7 + i, one.now)));
  CHECK(one.find(110));
  one.ids->take_back(7);
  CHECK_FALSE(one.find(100));
  CHECK_FALSE(one.find(110));
  CHECK(one.find(6) == 6);
  CHECK(one.ids->counted().in_memory == 6);
  CHECK(one.ids->counted().buckets == 0);
  one.add(200, 12);
  CHECK(one.find(200) == 7);
  CHECK(one.ids->counted().buckets == 2);
}

TEST_CASE("an undone batch takes nothing from a bucket that is being written") {
  world one;
  one.at_once = false;
  one.add(1, 8);
  REQUIRE(one.jobs.size() == 1);
  CHECK(must(one.ids->insert(identity(50), 0, 9, one.now)));
  one.ids->take_back(9);
  for (std::uint64_t i = 1; i <= 8; ++i)
    CHECK(one.find(i) == i);
  one.run_jobs();
  one.add(60, 1);
  CHECK(one.find(8) == 8);
  CHECK(one.find(60) == 9);
}

TEST_CASE("a start reads the open bucket from the commits and no other") {
  world one;
  one.add(1, 27);
  one.log.identities_read = 0;
  REQUIRE(one.open());
  CHECK(one.log.identities_read == 3);
  CHECK(one.ids->counted().buckets == 3);
  CHECK(one.ids->counted().remade == 0);
  CHECK(one.ids->counted().identities == 27);
  for (std::uint64_t i = 1; i <= 27; ++i)
    CHECK(one.find(i) == i);
}

TEST_CASE("a start makes what is missing, damaged or of something else anew") {
  world one;
  one.add(1, 27);
  SECTION("missing") { one.disk.remove("/d/dedupe/0000000000000009.ids"); }
  SECTION("cut short") { one.file(9).resize(5'000); }
  SECTION("no header") { one.file(9).replace(0, 4'096, 4'096, '\0'); }
  SECTION("a changed filter") { one.file(9).back() ^= 1; }
  SECTION("of another place") { one.file(9) = one.file(1); }
  SECTION("of another history") {
    world other;
    other.log.history = 2;
    other.add(1'001, 27);
    one.disk.put("/d/dedupe/0000000000000009.ids", other.file(9));
  }
  REQUIRE(one.open());
  CHECK(one.ids->counted().remade == 1);
  for (std::uint64_t i = 1; i <= 27; ++i)
    CHECK(one.find(i) == i);
  CHECK_FALSE(one.find(1'009));
  REQUIRE(one.open());
  CHECK(one.ids->counted().remade == 0);
}

TEST_CASE("a block that is found damaged while it is read is healed from the commits") {
  world one;
  one.add(1, 27);
  one.file(9)[4'200] ^= 1;
  for (std::uint64_t i = 1; i <= 27; ++i)
    CHECK(one.find(i) == i);
  CHECK(one.ids->counted().healed == 1);
  REQUIRE(one.open());
  CHECK(one.ids->counted().remade == 0);
  CHECK(one.find(12) == 12);
  CHECK(one.ids->counted().healed == 0);
}

TEST_CASE("damage that cannot be healed is an error and never a wrong answer") {
  world one;
  one.add(1, 27);
  one.file(9)[4'200] ^= 1;
  one.disk.fail(1, sim_disk::fault::disk_full, sim_disk::on::any, true);
  const auto refused = one.ids->find(identity(10), one.now);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == errc::disk_full);
  one.disk.stop_failing();
  CHECK(one.find(10) == 10);
}

TEST_CASE("an identity of a file is not found from the moment it is old enough") {
  world one;
  for (std::uint64_t i = 1; i <= 8; ++i) {
    one.add(i, 1);
    one.now += 1s;
  }
  REQUIRE(one.ids->counted().buckets == 1);
  one.now = start + window - 1ns;
  CHECK(one.find(1) == 1);
  one.now += 1ns;
  CHECK_FALSE(one.find(1));
  CHECK(one.find(2) == 2);
  one.add(1, 1); // again
  CHECK(one.find(1) == 9);
  one.now += 7s;
  CHECK(one.find(1) == 9);
  CHECK_FALSE(one.find(8));
}

TEST_CASE("a file goes when its last identity is out of the window, not before") {
  world one;
  for (std::uint64_t i = 1; i <= 20; ++i) {
    one.add(i, 1);
    one.now += 1s;
  }
  one.now = start + window + 7s - 1ns; // the eighth is there for 1 ns more
  must(one.ids->upkeep(one.now));
  CHECK(one.has_file(1));
  CHECK(one.find(8) == 8);
  REQUIRE(one.open());
  CHECK(one.find(8) == 8);
  one.now += 1ns;
  must(one.ids->upkeep(one.now));
  CHECK_FALSE(one.has_file(1));
  CHECK(one.has_file(9));
  CHECK(one.ids->counted().buckets == 1);
  CHECK(one.ids->counted().bytes == one.file(9).size());
  CHECK(one.ids->counted().identities == 12);
}

TEST_CASE("files that went out of the window while nobody was there go at the start") {
  world one;
  one.add(1, 30);
  one.now += 2 * window;
  REQUIRE(one.open());
  CHECK_FALSE(one.has_file(1));
  CHECK_FALSE(one.has_file(9));
  CHECK_FALSE(one.has_file(17));
  CHECK(one.ids->counted().buckets == 0);
  CHECK(one.ids->counted().identities == 0);
  one.add(1, 30);
  for (std::uint64_t i = 1; i <= 30; ++i)
    CHECK(one.find(i) == 30 + i);
}

TEST_CASE("the budget counts what is within the window, exactly") {
  world one;
  one.entries_max = 20;
  REQUIRE(one.open());
  for (std::uint64_t i = 1; i <= 20; ++i) {
    one.add(i, 1);
    one.now += 1s;
  }
  CHECK(one.insert(21, 1) == 0);
  one.now = start + window;
  CHECK(one.insert(21, 2) == 1); // the first is old; its bucket is still there
  must(one.keep());
  one.now += 3s;
  CHECK(one.insert(22, 10) == 3);
  CHECK(one.has_file(1));
  CHECK(one.find(5) == 5);
}

TEST_CASE("files that are not written in time stop the intake at the bound of the memory") {
  world one;
  one.memory_max = 3 * bucket;
  REQUIRE(one.open());
  one.at_once = false;
  one.add(1, 24);
  CHECK(one.insert(25, 1) == 0);
  for (std::uint64_t i = 1; i <= 24; ++i)
    CHECK(one.find(i) == i);
  while (!one.jobs.empty()) {
    one.run_jobs();
    must(one.ids->upkeep(one.now));
  }
  CHECK(one.ids->counted().buckets == 3);
  one.add(25, 8);
  CHECK(one.find(25) == 25);
}

TEST_CASE("a full disk puts a file off: the bucket answers from memory until there is room") {
  world one;
  one.disk.fail(1, sim_disk::fault::disk_full, sim_disk::on::write, true);
  one.add(1, 10);
  CHECK(one.ids->counted().buckets == 0);
  const std::uint64_t tried = one.disk.calls();
  one.add(11, 1);
  CHECK(one.disk.calls() == tried); // not at every commit
  must(one.ids->upkeep(one.now));
  CHECK(one.disk.calls() > tried);
  for (std::uint64_t i = 1; i <= 11; ++i)
    CHECK(one.find(i) == i);
  one.disk.stop_failing();
  must(one.ids->upkeep(one.now));
  CHECK(one.ids->counted().buckets == 1);
  for (std::uint64_t i = 1; i <= 11; ++i)
    CHECK(one.find(i) == i);
}

TEST_CASE("a file that finds no room leaves the room that there was") {
  world one;
  const std::string file = "/d/dedupe/0000000000000001.ids";
  one.disk.fail(2, sim_disk::fault::disk_full, sim_disk::on::write); // the header's
  one.add(1, 10);
  CHECK(one.ids->counted().buckets == 0);
  CHECK_FALSE(one.disk.has(file));
  must(one.ids->upkeep(one.now));
  CHECK(one.disk.has(file));
  CHECK(one.ids->counted().buckets == 1);
}

TEST_CASE("no file is begun that would take what is kept free for commits") {
  world one;
  const std::uint64_t needed = one.reserve + bucket_bytes(bucket, bucket);
  one.free = needed - 1;
  const std::uint64_t before = one.disk.calls();
  one.add(1, 10);
  must(one.ids->upkeep(one.now));
  CHECK(one.disk.calls() == before);
  CHECK(one.find(3) == 3);
  one.free = needed;
  one.add(11, 1);
  CHECK(one.disk.calls() == before); // looked for once a second
  must(one.ids->upkeep(one.now));
  CHECK(one.ids->counted().buckets == 1);
  CHECK(one.find(3) == 3);
}

TEST_CASE("a disk that fails otherwise is told") {
  world one;
  one.disk.fail(1, sim_disk::fault::io_error, GENERATE(sim_disk::on::write, sim_disk::on::sync));
  REQUIRE(one.insert(1, 8) == 8);
  const auto kept = one.keep();
  REQUIRE_FALSE(kept.ok());
  CHECK(kept.error().code == errc::io_error);
}

TEST_CASE("a bucket that time emptied before it was full becomes no file") {
  world one;
  one.add(1, 3);
  one.now += window;
  one.add(4, 3);
  CHECK_FALSE(one.ids->sweep(one.now, 100));
  CHECK(one.ids->counted().in_memory == 3);
  one.add(7, 2);
  REQUIRE(one.ids->counted().buckets == 1);
  REQUIRE(one.open());
  CHECK(one.ids->counted().remade == 0);
  CHECK_FALSE(one.find(1));
  for (std::uint64_t i = 4; i <= 8; ++i)
    CHECK(one.find(i) == i);
}

TEST_CASE("a power cut at any call of closing loses no identity, and leaves no half of a file") {
  const auto kept = GENERATE(sim_disk::kept::none, sim_disk::kept::all, sim_disk::kept::by_chance);
  for (std::uint64_t nth = 1;; ++nth) {
    INFO("call " << nth << ", kept " << static_cast<int>(kept));
    world one;
    one.disk.fail(nth, sim_disk::fault::power_cut);
    std::uint64_t number = 1;
    for (; number <= 36 && !one.disk.is_down(); number += 3) {
      REQUIRE(one.insert(number, 3) == 3);
      static_cast<void>(one.keep());
    }
    const bool was_cut = one.disk.is_down();
    one.ids.reset();
    one.disk.crash(nth, kept);
    REQUIRE(one.open());
    for (std::uint64_t i = 1; i < number; ++i)
      REQUIRE(one.find(i) == i);
    REQUIRE(one.ids->counted().healed == 0);
    if (!was_cut)
      break;
    REQUIRE(nth < 1'000);
  }
}

TEST_CASE("the window agrees with a simple model over random work, restarts and power cuts") {
  const auto seed = GENERATE(range(1, 9));
  INFO("seed " << seed);
  std::mt19937_64 random{static_cast<std::uint64_t>(seed)};
  world one;
  struct entry {
    std::uint64_t sequence = 0;
    instant at = no_instant;
  };
  std::map<std::uint64_t, entry> model;
  for (int step = 0; step < 3'000; ++step) {
    for (int i = 0; i < 4; ++i) {
      const std::uint64_t asked = random() % 400;
      const auto known = model.find(asked);
      const bool is_live = known != model.end() && one.now - known->second.at < window;
      REQUIRE(one.find(asked) == (is_live ? std::optional{known->second.sequence} : std::nullopt));
      if (is_live)
        continue;
      const std::uint64_t sequence = one.log.next();
      if (one.insert(asked, 1) == 0)
        continue;              // files wait to be written
      if (random() % 8 == 0) { // the commit fails
        one.ids->take_back(sequence);
        one.log.commits.pop_back();
        continue;
      }
      must(one.keep());
      model[asked] = {sequence, one.now};
    }
    one.now += std::chrono::milliseconds{random() % 1'000};
    one.at_once = random() % 4 != 0;
    if (one.at_once || random() % 3 == 0)
      one.run_jobs();
    one.ids->sweep(one.now, random() % 6);
    if (random() % 10 == 0)
      must(one.ids->upkeep(one.now));
    if (random() % 60 == 0) {
      const bool power = random() % 2 == 0;
      one.ids.reset();
      if (power)
        one.disk.crash(random());
      REQUIRE(one.open());
    }
  }
  CHECK(one.ids->counted().healed == 0);
}

TEST_CASE("what was looked for ahead is found as if it was not") {
  world one;
  for (std::uint64_t i = 0; i < 20; ++i)
    one.add(1 + i * bucket, bucket);
  const auto ahead = [&](std::initializer_list<std::uint64_t> numbers) {
    std::vector<hash128> identities;
    for (const std::uint64_t each : numbers)
      identities.push_back(identity(each));
    one.ids->look_ahead(identities);
  };
  SECTION("in the order that was told") {
    ahead({5, 1'000, 30, 31, 2'000, 160});
    CHECK(one.find(5) == 5);
    CHECK(one.find(1'000) == std::nullopt);
    CHECK(one.find(30) == 30);
    CHECK(one.find(31) == 31);
    CHECK(one.find(2'000) == std::nullopt);
    CHECK(one.find(160) == 160);
  }
  SECTION("some are not asked for, others were not told of") {
    ahead({5, 1'000, 30, 30, 2'000});
    CHECK(one.find(30) == 30);
    CHECK(one.find(7) == 7);
    CHECK(one.find(5) == 5);
    CHECK(one.find(2'000) == std::nullopt);
  }
  SECTION("and buckets change meanwhile") {
    ahead({5, 200, 150});
    CHECK(one.find(5) == 5);
    one.add(200, 4 * bucket);
    CHECK(one.find(200) == 161);
    CHECK(one.find(150) == 150);
    ahead({5, 200, 150});
    one.now += window;
    must(one.ids->upkeep(one.now));
    CHECK(one.find(5) == std::nullopt);
    CHECK(one.find(200) == std::nullopt);
  }
}
