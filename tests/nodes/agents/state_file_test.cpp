// Goal: the state of a oneshot turn survives the way through a file, privately and bounded.
#include "nodes/agents/state_file.hpp"

#include "protocol/limits.hpp"
#include "protocol/unique_fd.hpp"

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>

using namespace skein;
using change_kind = state_file::change::kind;

namespace {

state_file made(std::string_view state) {
  auto file = state_file::create(state);
  REQUIRE(file.ok());
  return std::move(file).value();
}

std::string content(const state_file& file) {
  std::ifstream in{file.path()};
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

void overwrite(const state_file& file, const std::string& text) {
  std::ofstream{file.path(), std::ios::trunc} << text;
}

unsigned mode_of(const std::string& path) {
  struct stat about {};
  REQUIRE(::lstat(path.c_str(), &about) == 0);
  return about.st_mode & 07777u;
}

std::string directory_of(const state_file& file) {
  return file.path().substr(0, file.path().rfind('/'));
}

/// TMPDIR is a folder of its own, as long as this lives.
class own_temporary_folder {
 public:
  own_temporary_folder() {
    REQUIRE(::mkdtemp(path_.data()) != nullptr);
    if (const char* set = std::getenv("TMPDIR"))
      before_ = set;
    ::setenv("TMPDIR", path_.c_str(), 1);
  }
  ~own_temporary_folder() {
    before_ ? ::setenv("TMPDIR", before_->c_str(), 1) : ::unsetenv("TMPDIR");
    std::filesystem::remove_all(path_);
  }
  std::ptrdiff_t entries() const {
    return std::distance(std::filesystem::directory_iterator{path_},
                         std::filesystem::directory_iterator{});
  }

 private:
  std::string path_ = (std::filesystem::temp_directory_path() / "skein-test-XXXXXX").string();
  std::optional<std::string> before_;
};

errc read_error(const state_file& file) {
  const auto change = file.read_change();
  REQUIRE_FALSE(change.ok());
  return change.error().code;
}

} // namespace

TEST_CASE("what a killed process left is removed, what is in use is not") {
  const own_temporary_folder folder;
  const state_file in_use = made("1");
  const pid_t killed = ::fork();
  REQUIRE(killed >= 0);
  if (killed == 0) {
    const auto left = state_file::create("2");
    std::_Exit(left.ok() ? 0 : 1); // no destructor runs
  }
  int status = -1;
  REQUIRE(::waitpid(killed, &status, 0) == killed);
  REQUIRE(status == 0);
  REQUIRE(folder.entries() == 2);
  state_file::remove_abandoned();
  CHECK(folder.entries() == 1);
  CHECK(content(in_use) == "1\n");
}

TEST_CASE("the file is private, in a private directory, and both go away") {
  std::string directory;
  {
    const state_file file = made("{\"n\":1}");
    directory = directory_of(file);
    CHECK(mode_of(file.path()) == 0600);
    CHECK(mode_of(directory) == 0700);
    CHECK(content(file) == "{\"n\":1}\n");
    std::ofstream{directory + "/beside"} << "x";
  }
  CHECK(::access(directory.c_str(), F_OK) != 0);
}

TEST_CASE("an untouched file is no change, with and without state") {
  CHECK(made("5").read_change()->what == change_kind::unchanged);
  const state_file none = made("");
  CHECK(content(none).empty());
  CHECK(none.read_change()->what == change_kind::unchanged);
}

TEST_CASE("space around the value is no change") {
  const state_file file = made("{\"n\":1}");
  overwrite(file, "  {\"n\":1}\n\n");
  CHECK(file.read_change()->what == change_kind::unchanged);
}

TEST_CASE("changed content is the new state") {
  const state_file file = made("5");
  overwrite(file, "6\n");
  const auto change = file.read_change();
  CHECK(change->what == change_kind::set);
  CHECK(change->state == "6");
}

TEST_CASE("a removed or emptied file deletes the state, if there was one") {
  const state_file removed = made("5");
  ::unlink(removed.path().c_str());
  CHECK(removed.read_change()->what == change_kind::deleted);
  const state_file emptied = made("5");
  overwrite(emptied, "\n");
  CHECK(emptied.read_change()->what == change_kind::deleted);
  const state_file none = made("");
  ::unlink(none.path().c_str());
  CHECK(none.read_change()->what == change_kind::unchanged);
}

TEST_CASE("content that is not one JSON value is refused") {
  const state_file file = made("5");
  for (const char* text : {"hello", "{\"a\":1", "1 2", "\xff", "{\"a\":1,\"a\":2}"}) {
    overwrite(file, text);
    CHECK(read_error(file) == errc::agent_output_invalid);
  }
}

TEST_CASE("a state file over 256 KiB is refused") {
  const state_file file = made("5");
  overwrite(file, "\"" + std::string(limits::state_bytes_max - 2, 's') + "\"");
  CHECK(file.read_change()->what == change_kind::set);
  overwrite(file, "\"" + std::string(limits::state_bytes_max - 1, 's') + "\"");
  CHECK(read_error(file) == errc::agent_output_invalid);
}

TEST_CASE("a link, a FIFO or a directory in its place is refused, without waiting") {
  const state_file file = made("5");
  ::unlink(file.path().c_str());
  REQUIRE(::symlink("/etc/passwd", file.path().c_str()) == 0);
  CHECK(read_error(file) == errc::agent_output_invalid);
  ::unlink(file.path().c_str());
  REQUIRE(::mkfifo(file.path().c_str(), 0600) == 0);
  CHECK(read_error(file) == errc::agent_output_invalid);
  ::unlink(file.path().c_str());
  REQUIRE(::mkdir(file.path().c_str(), 0700) == 0);
  CHECK(read_error(file) == errc::agent_output_invalid);
  ::rmdir(file.path().c_str());
}
