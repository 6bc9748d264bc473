#include "journal/store_lock.hpp"

#include "journal/store_folder.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace skein::journal {

namespace {

constexpr std::chrono::milliseconds between_tries{20};

/// What the holder wrote; 0 if it is not to be read.
long holder_of(const std::string& directory) {
  const unique_fd fd{::open((directory + "/lock").c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
  std::array<char, 32> text{};
  const ssize_t size = ::pread(fd.get(), text.data(), text.size() - 1, 0);
  return size <= 0 ? 0 : std::strtol(text.data(), nullptr, 10);
}

error in_use(const std::string& directory) {
  const long holder = holder_of(directory);
  return {errc::store_locked, directory + " is in use by process " +
                                  (holder > 0 ? std::to_string(holder) : std::string{"(unknown)"}) +
                                  "; stop it first or choose another directory"};
}

/// Waits for what is left of the patience.
result<void> lock(int fd, const std::string& directory, duration& patience,
                  const store_lock::pause& wait) {
  while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK)
      return system_error(errno, "locking " + directory);
#ifdef SKEIN_BUG_LOCK_NOT_TAKEN
    if (patience <= duration{0})
      return {};
#endif
    if (patience <= duration{0})
      return in_use(directory);
    wait(between_tries);
    patience -= between_tries;
  }
  return {};
}

/// Empty where directories cannot be locked.
result<unique_fd> lock_directory(const std::string& directory, duration& patience,
                                 const store_lock::pause& wait) {
  unique_fd fd{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (fd.get() < 0)
    return system_error(errno, "opening " + directory);
#ifdef SKEIN_BUG_LOCK_IS_A_FILE
  return fd;
#endif
  if (auto locked = lock(fd.get(), directory, patience, wait);
      !locked && locked.error().code == errc::store_locked)
    return locked.error();
  return fd;
}

} // namespace

void store_lock::sleep_for(duration time) { std::this_thread::sleep_for(time); }

result<std::unique_ptr<store_lock>> store_lock::take(const std::string& directory,
                                                     duration patience, const pause& wait) {
  auto folder = lock_directory(directory, patience, wait);
  if (!folder)
    return folder.error();
  const std::string path = directory + "/lock";
  unique_fd fd{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
  if (fd.get() < 0)
    return errno == ELOOP ? error{errc::store_unsafe, path + " is a symbolic link; remove it"}
                          : system_error(errno, "opening " + path);
  if (::fchmod(fd.get(), 0600) != 0) // a umask can take bits away
    return system_error(errno, "making " + path);
  if (auto locked = lock(fd.get(), directory, patience, wait); !locked)
    return locked.error();
  const std::string mine = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd.get(), 0) != 0 ||
      ::pwrite(fd.get(), mine.data(), mine.size(), 0) != static_cast<ssize_t>(mine.size()))
    return system_error(errno, "writing " + path);
  return std::unique_ptr<store_lock>{new store_lock{*std::move(folder), std::move(fd)}};
}

} // namespace skein::journal
