// The high-water mark as bytes and as a file: whatever happens to one slot, the other one holds;
// when it is written, and what a disk that fails in the middle leaves.
#include "journal/byte_words.hpp"
#include "journal/crc32c.hpp"
#include "journal/high_water.hpp"
#include "tests/journal/chained_store.hpp"

#include <sys/stat.h>

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

namespace {

const high_water_mark some_mark{"0123456789abcdef", commit_no{4711}, {77, 88}};

/// A store with a mark in either slot, the newer one behind two commits of its own.
chained_store::files with_two_marks(chained_store& chained) {
  must(chained.open());
  chained.commit_some(2);
  chained.put_mark();
  chained.commit_some(2);
  chained.drop();
  return chained.look();
}

void check_fails(const result<bool>& upkept, errc code) {
  REQUIRE_FALSE(upkept.ok());
  CHECK(upkept.error().code == code);
}

} // namespace

TEST_CASE("a slot gives back its mark, and with any one byte changed none at all") {
  std::string bytes = write_slot(some_mark);
  REQUIRE(bytes.size() == high_water_slot_bytes);
  CHECK(must(read_slot(bytes)) == some_mark);
  for (std::size_t at = 0; at < bytes.size(); ++at)
    for (const char change : {'\x01', '\x80', '\xff'}) {
      const char before = bytes[at];
      bytes[at] = static_cast<char>(before ^ change);
      REQUIRE_FALSE(must(read_slot(bytes)).has_value());
      bytes[at] = before;
    }
}

TEST_CASE("what is shorter, longer or empty is no slot") {
  const std::string bytes = write_slot(some_mark);
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, std::size_t{512}, bytes.size() - 1})
    CHECK_FALSE(must(read_slot(bytes.substr(0, size))).has_value());
  CHECK_FALSE(must(read_slot(bytes + '\0')).has_value());
  CHECK_FALSE(must(read_slot(std::string(high_water_slot_bytes, '\0'))).has_value());
}

TEST_CASE("a slot of a newer program is refused as that") {
  std::string bytes = write_slot(some_mark);
  bytes[11] = 2; // the version
  bytes.resize(bytes.size() - 4);
  append_number(bytes, crc32c(bytes), 4);
  const auto read = read_slot(bytes);
  REQUIRE_FALSE(read.ok());
  CHECK(read.error().code == errc::store_version);
}

TEST_CASE("with any byte of the file changed the other slot's mark is used") {
  chained_store chained;
  const auto whole = with_two_marks(chained);
  const std::size_t size = whole.at(chained.mark()).size();
  REQUIRE(size == 2 * high_water_slot_bytes);
  constexpr std::size_t used = 64; // of a slot; the rest is zeros, tried above byte by byte
  for (std::size_t at = 0; at < size; at += at % high_water_slot_bytes < used ? 1u : 21u) {
    auto damaged = whole;
    damaged[chained.mark()][at] ^= static_cast<char>(1u << at % 8);
    chained.restore(damaged);
    const auto opened = chained.open();
    INFO("byte " << at << ": " << (opened ? std::string{} : to_string(opened.error())));
    REQUIRE(opened.ok());
    REQUIRE(raw(chained.store->last_commit()) == 4);
    chained.drop();
  }
}

TEST_CASE("with both slots damaged, or without the file, a start is refused until a person says") {
  chained_store chained;
  const auto whole = with_two_marks(chained);
  auto damaged = whole;
  const char* words = "high-water is damaged";
  SECTION("both slots") {
    damaged[chained.mark()][30] ^= 1;
    damaged[chained.mark()][high_water_slot_bytes + 4000] ^= 1;
  }
  SECTION("nothing but zeros") { damaged[chained.mark()].assign(2 * high_water_slot_bytes, '\0'); }
  SECTION("cut to nothing") { damaged[chained.mark()].clear(); }
  SECTION("no file") {
    damaged.erase(chained.mark());
    words = "high-water is missing";
  }
  chained.restore(damaged);
  chained.check_refused(words);
  chained.sql("UPDATE meta SET value = 0 WHERE name = 'high_water'"); // as the error says
  must(chained.open());
  CHECK(raw(chained.store->last_commit()) == 4);
  chained.drop();
  must(chained.open());
}

TEST_CASE("the mark of another store is refused") {
  chained_store chained;
  auto files = with_two_marks(chained);
  files[chained.mark()] = write_slot(some_mark) + write_slot(some_mark);
  chained.restore(files);
  chained.check_refused("files of two stores are mixed");
}

TEST_CASE("a mark is a sync of the upkeep, once a second at most, and one of close()") {
  chained_store chained;
  must(chained.open());
  auto seen = chained.store->counters().syncs;
  const auto syncs = [&] {
    const auto before = std::exchange(seen, chained.store->counters().syncs);
    return seen - before;
  };
  chained.commit_some(3);
  CHECK(syncs() == 3); // one a commit, none for marks
  must(chained.store->upkeep(chained.now));
  CHECK(syncs() == 2); // and one of what is pending
  chained.commit_some(1);
  must(chained.store->upkeep(chained.now - 1ms)); // not a second later
  CHECK(syncs() == 1);
  must(chained.store->upkeep(chained.now - 1h)); // a clock that was set back
  CHECK(syncs() > 0);
  const std::string before = chained.disk.bytes(chained.mark());
  chained.commit_some(1);
  CHECK(chained.disk.bytes(chained.mark()) == before);
  chained.close();
  CHECK(chained.disk.bytes(chained.mark()) != before);
}

TEST_CASE("the file is the owner's alone") {
  temp_dir parent;
  const mode_t before = ::umask(GENERATE(mode_t{0}, mode_t{0077}));
  const auto opened = skein::journal::open(parent.path() + "/store", {});
  ::umask(before);
  must(opened ? result<void>{} : result<void>{opened.error()});
  struct stat found {};
  REQUIRE(::stat((parent.path() + "/store/high-water").c_str(), &found) == 0);
  CHECK((found.st_mode & 0777) == 0600);
  CHECK(found.st_size == 2 * static_cast<off_t>(high_water_slot_bytes));
}

TEST_CASE("a power cut in the middle of a mark leaves a store that opens") {
  for (const auto kept : {sim_disk::kept::none, sim_disk::kept::all, sim_disk::kept::by_chance})
    for (std::uint64_t seed = 1; seed <= 20; ++seed)
      for (const std::uint64_t nth : {1u, 2u}) { // the write, the sync
        chained_store chained;
        must(chained.open());
        chained.commit_some(3);
        chained.disk.fail(nth, sim_disk::fault::power_cut);
        CHECK_FALSE(chained.store->upkeep(chained.now).ok());
        CHECK(chained.disk.is_down());
        chained.disk.crash(seed, kept);
        chained.drop();
        must(chained.open());
        CHECK(raw(chained.store->last_commit()) == 3);
      }
}

TEST_CASE("a mark that meets a full disk is written later") {
  chained_store chained;
  must(chained.open());
  chained.commit_some(2);
  const std::string before = chained.disk.bytes(chained.mark());
  chained.disk.fail(1, sim_disk::fault::disk_full, sim_disk::on::write, true);
  check_fails(chained.store->upkeep(chained.now), errc::disk_full);
  chained.disk.stop_failing();
  chained.commit_some(1);
  must(chained.store->upkeep(chained.now));
  CHECK(chained.disk.bytes(chained.mark()) != before);
}

TEST_CASE("a mark whose sync fails stops the store; what was committed is there afterwards") {
  chained_store chained;
  must(chained.open());
  chained.commit_some(2);
  chained.disk.fail(1, sim_disk::fault::io_error, sim_disk::on::sync);
  check_fails(chained.store->upkeep(chained.now), errc::io_error);
  CHECK_FALSE(chained.store->commit(std::vector<operation>{}, chained.now).ok());
  chained.drop();
  CHECK(chained.disk.calls_after_failed_sync() == 0);
  must(chained.open());
  CHECK(raw(chained.store->last_commit()) == 2);
}
