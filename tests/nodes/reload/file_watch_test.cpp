// Goal: whatever puts another content where the file is named is noticed: editors that rename,
// links that are moved, folders as Kubernetes mounts them.
#include "nodes/reload/file_watch.hpp"
#include "tests/support/temp_dir.hpp"

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <poll.h>

using namespace skein;
namespace fs = std::filesystem;

namespace {

void write(const std::string& path, const std::string& text) { std::ofstream{path} << text; }

/// Whether something is told within a time that nothing ever takes.
bool tells(const file_watch& watch) {
  pollfd item{watch.fd(), POLLIN, 0};
  return ::poll(&item, 1, 5'000) == 1;
}
bool is_quiet(const file_watch& watch) {
  pollfd item{watch.fd(), POLLIN, 0};
  return ::poll(&item, 1, 0) == 0;
}

} // namespace

TEST_CASE("a file that is written, or replaced by a rename, is told of and has another stamp") {
  const test::temp_dir dir;
  const std::string file = dir.path() + "/c.toml";
  write(file, "a");
  file_watch watch{file};
  CHECK(is_quiet(watch));
  const std::string before = stamp_of_file(file);
  write(file, "ab");
  CHECK(tells(watch));
  watch.renew();
  CHECK(is_quiet(watch));
  const std::string written = stamp_of_file(file);
  CHECK(written != before);
  write(dir.path() + "/new", "abc");
  fs::rename(dir.path() + "/new", file);
  CHECK(tells(watch));
  CHECK(stamp_of_file(file) != written);
  fs::remove(file);
  CHECK(stamp_of_file(file).empty());
}

TEST_CASE("a file behind links is watched where each of them lies, and where they lead later") {
  const test::temp_dir dir;
  for (const char* each : {"/mount", "/mount/..1", "/mount/..2"})
    fs::create_directory(dir.path() + each);
  write(dir.path() + "/mount/..1/c.toml", "a");
  write(dir.path() + "/mount/..2/c.toml", "ab");
  fs::create_directory_symlink("..1", dir.path() + "/mount/..data");
  fs::create_symlink("..data/c.toml", dir.path() + "/mount/c.toml");
  const std::string file = dir.path() + "/mount/c.toml";
  file_watch watch{file};
  const std::string before = stamp_of_file(file);
  fs::create_directory_symlink("..2", dir.path() + "/mount/..data_tmp");
  fs::rename(dir.path() + "/mount/..data_tmp", dir.path() + "/mount/..data");
  CHECK(tells(watch));
  CHECK(stamp_of_file(file) != before);
  watch.renew();
  write(dir.path() + "/mount/..2/c.toml", "abc"); // where it leads now
  CHECK(tells(watch));
}

TEST_CASE("a circle of links ends") {
  const test::temp_dir dir;
  fs::create_symlink("b", dir.path() + "/a");
  fs::create_symlink("a", dir.path() + "/b");
  CHECK(names_of_file(dir.path() + "/a").size() >= 2);
  CHECK(stamp_of_file(dir.path() + "/a").empty());
}
