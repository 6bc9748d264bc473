#include "nodes/bench/scratch_folder.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <linux/magic.h>
#include <poll.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace skein::bench {

namespace {

constexpr std::uintmax_t room_bytes = std::uintmax_t{3} << 30;
constexpr int look_every_ms = 100;
constexpr int exit_of_signal = 128; // and the signal's number, as a shell has it

} // namespace

result<std::unique_ptr<scratch_folder>> scratch_folder::make(const std::string& below) {
  const std::filesystem::path folder{below};
  std::error_code failed;
  if (std::filesystem::exists(folder / "journal.db", failed))
    return error{errc::invalid_argument, below + " is the folder of a store"};
  const auto space = std::filesystem::space(folder, failed);
  if (failed)
    return error{errc::io_error, below + ": " + failed.message()};
  if (space.available < room_bytes)
    return error{errc::disk_full, below + " has less than 3 GiB of free space"};
  std::string path = (folder / "skein-bench-XXXXXX").string();
  if (::mkdtemp(path.data()) == nullptr)
    return error{errc::io_error, path + ": " + std::strerror(errno)};
  return std::unique_ptr<scratch_folder>{new scratch_folder{std::move(path)}};
}

scratch_folder::scratch_folder(std::string path)
  : path_{std::move(path)}, watcher_{[this] { watch(); }} {}

scratch_folder::~scratch_folder() {
  over_ = true;
  watcher_.join();
  std::error_code failed;
  std::filesystem::remove_all(path_, failed);
}

bool scratch_folder::is_in_memory() const {
  struct statfs found {};
  if (::statfs(path_.c_str(), &found) != 0)
    return false;
  return found.f_type == TMPFS_MAGIC || found.f_type == RAMFS_MAGIC;
}

void scratch_folder::watch() {
  while (!over_) {
    pollfd item{caught_.fd(), POLLIN, 0};
    if (::poll(&item, 1, look_every_ms) <= 0)
      continue;
    const int signal = caught_.take();
    std::error_code failed;
    // Once more for what was made while the first one went through it.
    for (int i = 0; i < 2; ++i)
      std::filesystem::remove_all(path_, failed);
    ::_exit(exit_of_signal + signal);
  }
}

} // namespace skein::bench
