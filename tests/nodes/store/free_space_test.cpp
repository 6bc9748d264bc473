// When new events are refused for want of space, and what is kept for then.
#include "nodes/store/ballast.hpp"
#include "nodes/store/disk_watch.hpp"
#include "nodes/store/free_space.hpp"
#include "nodes/store/medium.hpp"
#include "tests/support/temp_dir.hpp"

#include <catch2/catch.hpp>

#include <fstream>
#include <sys/stat.h>

using namespace skein;
using skein::test::temp_dir;

namespace {

constexpr std::uint64_t mib = 1 << 20;
constexpr std::uint64_t gib = 1 << 30;

disk_share bytes(std::uint64_t value) { return {disk_share::form::bytes, value}; }

struct disk {
  free_space space{{bytes(100 * mib), bytes(10 * mib)}};
  bool has_ballast = true;

  free_space::verdict look(std::uint64_t free) { return space.look({10 * gib, free, has_ballast}); }
};

} // namespace

TEST_CASE("intake stops below the mark and begins again a quarter above it, told once each") {
  disk of;
  CHECK_FALSE(of.look(100 * mib).changed);
  const auto low = of.look(100 * mib - 1);
  CHECK(low.low);
  CHECK(low.changed);
  CHECK_FALSE(of.look(50 * mib).changed);
  CHECK(of.look(125 * mib - 1).low);
  const auto enough = of.look(125 * mib);
  CHECK_FALSE(enough.low);
  CHECK(enough.changed);
  CHECK_FALSE(of.look(100 * mib).low);
}

TEST_CASE("ballast that was given up is no room for new events") {
  disk of;
  of.has_ballast = false;
  CHECK(of.look(105 * mib).low);
  CHECK(of.look(134 * mib).low);
  CHECK_FALSE(of.look(135 * mib).low);
}

TEST_CASE("ballast is made again when it takes nothing from the mark") {
  disk of;
  CHECK_FALSE(of.look(5 * gib).make_ballast);
  of.has_ballast = false;
  CHECK_FALSE(of.look(109 * mib).make_ballast);
  CHECK(of.look(110 * mib).make_ballast);
  CHECK(of.look(110 * mib).low); // it was low before, and making the ballast changes nothing
}

TEST_CASE("a disk smaller than the ballast gets none") {
  free_space space{{bytes(0), bytes(64 * mib)}};
  const auto found = space.look({32 * mib, 20 * mib, false});
  CHECK_FALSE(found.make_ballast);
  CHECK_FALSE(found.low);
}

TEST_CASE("on a disk of which nearly all has to be free intake can begin again") {
  free_space space{{{disk_share::form::percent, 90}, bytes(0)}};
  CHECK(space.look({1000, 800, true}).marks.reopen == 950);
  CHECK(space.look({1000, 949, true}).low);
  CHECK_FALSE(space.look({1000, 950, true}).low);
  CHECK(marks_for({{disk_share::form::percent, 80}, bytes(0)}, 1000).reopen == 900);
  CHECK(marks_for({bytes(2000), bytes(0)}, 1000).reopen == 2000); // never: as was asked for
}

TEST_CASE("what is kept follows the size of the disk unless it is said") {
  CHECK(marks_for({}, 100 * mib).mark == 16 * mib);
  CHECK(marks_for({}, 10 * gib).mark == 10 * gib / 100 * 5);
  CHECK(marks_for({}, 1000 * gib).mark == gib);
  CHECK(marks_for({}, 100 * mib).ballast == 8 * mib);
  CHECK(marks_for({}, 1000 * gib).ballast == 64 * mib);
  const disk_settings said{{disk_share::form::percent, 10}, bytes(3)};
  CHECK(marks_for(said, 1000).mark == 100);
  CHECK(marks_for(said, 1000).ballast == 3);
}

TEST_CASE("ballast takes its space at once and gives it back") {
  const temp_dir folder;
  ballast file{folder.path()};
  CHECK(file.size() == 0);
  CHECK_FALSE(file.release());
  REQUIRE(file.make(3 * mib).ok());
  CHECK(file.size() == 3 * mib);
  struct stat found {};
  REQUIRE(::stat((folder.path() + "/ballast").c_str(), &found) == 0);
  CHECK(found.st_blocks * 512 >= static_cast<blkcnt_t>(3 * mib));
  CHECK((found.st_mode & 0777) == 0600);
  REQUIRE(file.make(mib).ok());
  CHECK(file.size() == mib);
  CHECK(file.release());
  CHECK(file.size() == 0);
}

TEST_CASE("a link in the place of the ballast is removed, not followed") {
  const temp_dir folder;
  std::ofstream{folder.path() + "/other"} << "text";
  REQUIRE(::symlink((folder.path() + "/other").c_str(), (folder.path() + "/ballast").c_str()) == 0);
  REQUIRE(ballast{folder.path()}.make(mib).ok());
  struct stat found {};
  REQUIRE(::stat((folder.path() + "/other").c_str(), &found) == 0);
  CHECK(found.st_size == 4);
}

TEST_CASE("the watch makes ballast, gives it up once, and tells of each") {
  const temp_dir folder;
  std::string told;
  disk_watch watch{
      folder.path(), {bytes(0), bytes(mib)}, [&](disk_news news, const disk_facts&, const error&) {
        told += std::to_string(static_cast<int>(news)) + " ";
      }};
  watch.look();
  CHECK(watch.facts().ballast == mib);
  CHECK(watch.facts().total > 0);
  watch.look();
  CHECK(watch.give_way());
  CHECK(watch.facts().ballast == 0);
  CHECK_FALSE(watch.give_way());
  watch.look();
  CHECK(watch.facts().ballast == mib);
  CHECK(told == "3 2 3 ");
}

TEST_CASE("ballast of other settings is made anew, and none if none is wanted") {
  const temp_dir folder;
  const auto quiet = [](disk_news, const disk_facts&, const error&) {};
  REQUIRE(ballast{folder.path()}.make(2 * mib).ok());
  disk_watch smaller{folder.path(), {bytes(0), bytes(mib)}, quiet};
  smaller.look();
  CHECK(ballast{folder.path()}.size() == mib);
  disk_watch none{folder.path(), {bytes(0), bytes(0)}, quiet};
  none.look();
  CHECK(ballast{folder.path()}.size() == 0);
}

TEST_CASE("the watch tells that the space is low") {
  const temp_dir folder;
  std::string told;
  disk_watch watch{folder.path(),
                   {bytes(std::uint64_t{1} << 60), bytes(0)},
                   [&](disk_news news, const disk_facts& facts, const error&) {
                     told += std::to_string(static_cast<int>(news));
                     CHECK(facts.low);
                   }};
  watch.look();
  watch.look();
  CHECK(told == "0");
}

TEST_CASE("sizes are told in whole units") {
  CHECK(size_text(0) == "0 KiB");
  CHECK(size_text(mib - 1) == "1023 KiB");
  CHECK(size_text(5 * mib) == "5 MiB");
  CHECK(size_text(9 * gib) == "9216 MiB");
  CHECK(size_text(70 * gib) == "70 GiB");
}

TEST_CASE("file systems that keep nothing are told by name") {
  CHECK(medium_warning_of(0x01021994)->find("tmpfs") != std::string::npos);
  CHECK(medium_warning_of(0x6969)->find("NFS") != std::string::npos);
  CHECK_FALSE(medium_warning_of(0xef53)); // ext4
  CHECK(medium_warning("/dev/shm"));
}
