#include "journal/store_swap.hpp"

#include "journal/store_folder.hpp"
#include "protocol/unique_fd.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace skein::journal {

namespace {

constexpr std::string_view aside_prefix = "damaged-";

std::string step_file(const std::string& directory) { return directory + "/repair-step"; }

bool exists(const std::string& path) {
  struct stat found {};
  return ::lstat(path.c_str(), &found) == 0;
}

result<void> move(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0 && errno != ENOENT)
    return system_error(errno, "moving " + from + " to " + to);
  return {};
}

result<void> remove(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    return system_error(errno, "removing " + path);
  return {};
}

result<std::string> read_step(const std::string& directory) {
  const std::string path = step_file(directory);
  const unique_fd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
  if (fd.get() < 0)
    return system_error(errno, "opening " + path);
  std::array<char, 256> text{};
  const ssize_t size = ::pread(fd.get(), text.data(), text.size(), 0);
  std::string aside{text.data(), size < 0 ? 0 : static_cast<std::size_t>(size)};
  if (aside.empty() || aside.back() != '\n' || !aside.starts_with(aside_prefix) ||
      aside.find('/') != std::string::npos)
    return error{errc::store_corrupt, path + " is not what a repair leaves; move it away, then run "
                                             "'skein journal verify'"};
  aside.pop_back();
  return aside;
}

/// The steps, each of which may be the last of a process.
class swap {
 public:
  swap(const std::string& directory, const std::string& aside, const swap_step& go_on)
    : directory_{directory}, aside_{directory + "/" + aside}, made_{new_store_folder(directory)},
      go_on_{go_on} {}

  result<void> run() {
    step([&] { return make_aside(); });
    // What lies in its place is the old one for as long as the new one has not been moved.
    if (exists(made_ + "/journal.db"))
      for (const char* const name :
           {"/dedupe", "/journal.db-shm", "/journal.db-wal", "/journal.db"})
        step([&] { return move(directory_ + name, aside_ + name); });
    if (exists(made_ + "/high-water"))
      step([&] { return move(directory_ + "/high-water", aside_ + "/high-water"); });
    step([&] { return sync_directory(aside_); });
    step([&] { return sync_directory(directory_); });
    for (const char* const name : {"/high-water", "/journal.db"})
      step([&] { return move(made_ + name, directory_ + name); });
    step([&] { return sync_directory(directory_); });
    step([&] { return remove_new_store(directory_); });
    step([&] { return remove(step_file(directory_)); });
    step([&] { return sync_directory(directory_); });
    return outcome_;
  }

 private:
  /// It is gone if somebody has removed it since the swap was begun: what is moved needs a place.
  result<void> make_aside() {
    if (::mkdir(aside_.c_str(), 0700) != 0 && errno != EEXIST)
      return system_error(errno, "making " + aside_);
    return {};
  }

  template <class Step>
  void step(const Step& take) {
    if (!outcome_)
      return;
    if (go_on_ && !go_on_())
      outcome_ = error{errc::io_error, "stopped"};
    else
      outcome_ = take();
  }
  static result<void> remove_new_store(const std::string& directory) {
    const std::string folder = new_store_folder(directory);
    std::error_code problem; // with what is derived
    std::filesystem::remove_all(folder, problem);
    return problem ? system_error(problem.value(), "removing " + folder) : result<void>{};
  }

  const std::string& directory_;
  std::string aside_;
  std::string made_;
  const swap_step& go_on_;
  result<void> outcome_;
};

} // namespace

std::string new_store_folder(const std::string& directory) { return directory + "/repair-new"; }

bool is_swap_begun(const std::string& directory) { return exists(step_file(directory)); }

result<void> begin_swap(const std::string& directory, const std::string& aside) {
  SKEIN_CHECK(aside.starts_with(aside_prefix));
  const std::string path = step_file(directory);
  const std::string unfinished = path + ".new";
  const std::string text = aside + "\n";
  if (auto gone = remove(unfinished); !gone)
    return gone;
  if (auto made = make_private_file(unfinished); !made)
    return made;
  const unique_fd fd{::open(unfinished.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW)};
  if (fd.get() < 0 ||
      ::pwrite(fd.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()) ||
      ::fsync(fd.get()) != 0)
    return system_error(errno, "writing " + unfinished);
  if (auto synced = sync_directory(directory); !synced)
    return synced;
  if (auto moved = move(unfinished, path); !moved)
    return moved;
  return sync_directory(directory);
}

result<void> finish_swap(const std::string& directory, const swap_step& go_on) {
  if (!is_swap_begun(directory))
    return {};
  const auto aside = read_step(directory);
  if (!aside)
    return aside.error();
  return swap{directory, *aside, go_on}.run();
}

} // namespace skein::journal
