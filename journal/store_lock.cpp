#include "journal/store_lock.hpp"

#include "journal/store_folder.hpp"
#include "protocol/unique_fd.hpp"

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
long holder_of(int fd) {
  std::array<char, 32> text{};
  const ssize_t size = ::pread(fd, text.data(), text.size() - 1, 0);
  return size <= 0 ? 0 : std::strtol(text.data(), nullptr, 10);
}

error in_use(const std::string& directory, long holder) {
  return {errc::store_locked, directory + " is in use by process " +
                                  (holder > 0 ? std::to_string(holder) : std::string{"(unknown)"}) +
                                  "; stop it first or choose another directory"};
}

} // namespace

void store_lock::sleep_for(duration time) { std::this_thread::sleep_for(time); }

result<std::unique_ptr<store_lock>> store_lock::take(const std::string& directory,
                                                     duration patience, const pause& wait) {
  const std::string path = directory + "/lock";
  unique_fd fd{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
  if (fd.get() < 0)
    return errno == ELOOP ? error{errc::store_unsafe, path + " is a symbolic link; remove it"}
                          : system_error(errno, "opening " + path);
  if (::fchmod(fd.get(), 0600) != 0) // a umask can take bits away
    return system_error(errno, "making " + path);
  for (duration waited{0}; ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0; waited += between_tries) {
    if (errno != EWOULDBLOCK)
      return system_error(errno, "locking " + path);
#ifdef SKEIN_BUG_LOCK_NOT_TAKEN
    if (waited >= patience)
      break;
#endif
    if (waited >= patience)
      return in_use(directory, holder_of(fd.get()));
    wait(between_tries);
  }
  const std::string mine = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd.get(), 0) != 0 ||
      ::pwrite(fd.get(), mine.data(), mine.size(), 0) != static_cast<ssize_t>(mine.size()))
    return system_error(errno, "writing " + path);
  return std::unique_ptr<store_lock>{new store_lock{fd.release()}};
}

store_lock::~store_lock() { ::close(fd_); }

} // namespace skein::journal
