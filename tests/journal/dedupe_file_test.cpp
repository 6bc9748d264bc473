// A bucket of identities as a file: its bytes, lookups in it, and that damage to any byte is found.
#include "journal/dedupe_file.hpp"
#include "protocol/text.hpp"
#include "tests/journal/store_fixture.hpp"
#include "tests/support/sim_vfs.hpp"
#include "tests/support/temp_dir.hpp"

#include <random>

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

namespace {

const instant start = from_ns(1'700'000'000'000'000'000);
const bucket_seal some_seal{commit_no{4711}, {0x0102, 0x0304}};

/// A bucket on a simulated disk.
struct bucket {
  sim_disk disk{"skein-sim"};
  bucket_place place{.vfs = "skein-sim",
                     .vfs_is_system = false,
                     .directory = "/d/dedupe",
                     .store_id = "0123456789abcdef",
                     .begin = 1,
                     .size = 64};
  dedupe_window identities{24h};
  std::atomic<bool> give_up = false;

  explicit bucket(std::uint64_t size = 64) { place.size = size; }
  void add(const hash128& identity) {
    const std::uint64_t sequence = place.begin + identities.size();
    identities.insert(identity, sequence * 7, sequence, start + std::chrono::seconds{sequence});
  }
  void fill(std::uint64_t seed) {
    std::mt19937_64 random{seed};
    while (identities.size() < place.size)
      add({random(), random()});
  }
  void write() { must(write_bucket(place, some_seal, identities, give_up)); }
  std::optional<bucket_file> open() { return must(bucket_file::open(place)); }
  std::string& bytes() { return disk.bytes(place.path()); }
};

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char each : bytes)
    text += hex_of(static_cast<unsigned char>(each)).substr(14);
  return text;
}

} // namespace

TEST_CASE("the header has these bytes") {
  const bucket_header header{.store_id = "0123456789abcdef",
                             .first = 0x100001,
                             .last = 0x200000,
                             .first_at = from_ns(0x1122334455667788),
                             .last_at = from_ns(0x1122334455667799),
                             .seal = {commit_no{0x4711}, {0xa1, 0xa2}},
                             .identities = 0x100000,
                             .directory_crc = 0xdddddddd,
                             .filter_crc = 0xffffffff};
  const std::string bytes = write_header(header);
  REQUIRE(bytes.size() == 4'096);
  CHECK(hex(bytes.substr(0, 100)) == "736b65696e2d6964"                 // magic
                                     "00000002"                         // version
                                     "30313233343536373839616263646566" // store id
                                     "0000000000100001"                 // first sequence
                                     "0000000000200000"                 // last
                                     "1122334455667788"                 // first time
                                     "1122334455667799"                 // last
                                     "0000000000004711"                 // commit of the last
                                     "00000000000000a100000000000000a2" // its digest
                                     "0000000000100000"                 // identities
                                     "dddddddd"                         // CRC of the directory
                                     "ffffffff");                       // CRC of the filter
  CHECK(bytes.substr(100, 4'096 - 100 - 4) == std::string(4'096 - 100 - 4, '\0'));
  CHECK(hex(bytes.substr(4'092)) == "6502ea5b");
  CHECK(read_header(bytes) == header);
}

TEST_CASE("a file answers for each of its identities and for no other") {
  bucket one{1'000};
  one.fill(1);
  one.write();
  auto file = one.open();
  REQUIRE(file);
  CHECK(file->header().first == 1);
  CHECK(file->header().last == 1'000);
  CHECK(file->header().seal == some_seal);
  CHECK(file->bytes() == one.bytes().size());
  for (std::size_t i = 0; i < one.identities.size(); ++i) {
    const auto found = must(file->find(one.identities[i].identity));
    REQUIRE(found);
    REQUIRE(found->sequence == 1 + i);
    REQUIRE(found->content == one.identities[i].content);
    REQUIRE(found->at == one.identities[i].at);
  }
  std::mt19937_64 random{2};
  for (int i = 0; i < 1'000; ++i)
    REQUIRE_FALSE(must(file->find({random(), random()})));
}

TEST_CASE(
    "a file that is larger than one call of the system's VFS takes is written and read whole") {
  temp_dir directory;
  bucket one{60'000};
  one.place.vfs.clear();
  one.place.vfs_is_system = true;
  one.place.directory = directory.path();
  one.fill(1);
  one.write();
  auto file = one.open();
  REQUIRE(file);
  REQUIRE(file->take_filter().size() == 180'000);
  must(file->check());
  for (std::size_t i = 0; i < one.identities.size(); i += 7)
    REQUIRE(must(file->find(one.identities[i].identity))->sequence == 1 + i);
}

TEST_CASE("identities that share their first half are told apart over the edges of blocks") {
  bucket one{400};
  for (std::uint64_t i = 0; i < 400; ++i)
    one.add({i < 20 ? 1u : i < 380 ? 5u : 9u, i}); // 360 of them: four blocks
  one.write();
  auto file = one.open();
  REQUIRE(file);
  for (std::uint64_t i = 0; i < 400; ++i) {
    const auto found = must(file->find(one.identities[i].identity));
    REQUIRE(found);
    REQUIRE(found->sequence == i + 1);
  }
  for (const std::uint64_t high : {0u, 1u, 2u, 5u, 8u, 9u, 10u})
    CHECK_FALSE(must(file->find({high, 1'000})));
}

TEST_CASE("of an identity that came again within a bucket the newest entry is found") {
  bucket one{300};
  for (std::uint64_t i = 0; i < 300; ++i)
    one.add({7, i % 2});
  one.write();
  auto file = one.open();
  REQUIRE(file);
  CHECK(must(file->find({7, 0}))->sequence == 299);
  CHECK(must(file->find({7, 1}))->sequence == 300);
}

TEST_CASE(
    "a bucket whose first identities were out of the window already begins with what is left") {
  bucket one;
  one.place.begin = 65;
  one.fill(1);
  one.identities.expire(start + 24h + std::chrono::seconds{70}, 100);
  REQUIRE(one.identities.first() == 71);
  one.write();
  auto file = one.open();
  REQUIRE(file);
  CHECK(file->header().first == 71);
  CHECK(must(file->find(one.identities[0].identity))->sequence == 71);
}

TEST_CASE("damage to any byte of a file is found") {
  bucket one;
  one.fill(1);
  one.write();
  REQUIRE(one.bytes().size() == 4'096 * 2 + 8 + 64 * 24 / 8);
  for (std::size_t at = 0; at < one.bytes().size(); ++at)
    for (const char change : {'\x01', '\x80'}) {
      one.bytes()[at] = static_cast<char>(one.bytes()[at] ^ change);
      auto file = one.open();
      const bool is_in_a_block = at >= 4'096 && at < 2 * 4'096;
      REQUIRE(file.has_value() == is_in_a_block);
      if (file) {
        REQUIRE(file->check().error().code == errc::store_corrupt);
        REQUIRE(file->find(one.identities[5].identity).error().code == errc::store_corrupt);
      }
      one.bytes()[at] = static_cast<char>(one.bytes()[at] ^ change);
    }
  CHECK(must(bucket_file::open(one.place)).has_value());
}

TEST_CASE("a file that was cut short, or has a block in another one's place, is found") {
  bucket one{300};
  one.fill(1);
  one.write();
  const std::string whole = one.bytes();
  for (std::size_t size = 0; size < whole.size(); size += 97) {
    one.bytes() = whole.substr(0, size);
    REQUIRE_FALSE(one.open());
  }
  one.bytes() = whole;
  one.bytes().replace(4'096, 4'096, whole, 2 * 4'096, 4'096);
  CHECK(one.open()->check().error().code == errc::store_corrupt);
}

TEST_CASE("a file of another store, another place or another size is none") {
  bucket one;
  one.fill(1);
  one.write();
  SECTION("store") { one.place.store_id = "ffffffffffffffff"; }
  SECTION("size") { one.place.size = 32; }
  SECTION("place") {
    const std::string bytes = one.bytes();
    one.place.begin = 65;
    one.disk.put(one.place.path(), bytes);
  }
  CHECK_FALSE(one.open());
}

TEST_CASE("a file that was not finished is none, and is written over") {
  bucket one;
  one.fill(1);
  one.disk.fail(2, sim_disk::fault::disk_full, sim_disk::on::write); // the header's
  CHECK(write_bucket(one.place, some_seal, one.identities, one.give_up).error().code ==
        errc::disk_full);
  CHECK_FALSE(one.open());
  one.write();
  CHECK(one.open());
  one.give_up = true;
  CHECK(write_bucket(one.place, some_seal, one.identities, one.give_up).error().code ==
        errc::draining);
  CHECK_FALSE(one.open());
}
