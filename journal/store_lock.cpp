#include "journal/store_lock.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace skein::journal {

namespace {

class descriptor {
 public:
  explicit descriptor(int fd) : fd_{fd} {}
  ~descriptor() {
    if (fd_ >= 0)
      ::close(fd_);
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

error system_error(int number, const std::string& doing) {
  const errc code = number == ENOSPC || number == EDQUOT ? errc::disk_full : errc::io_error;
  return {code, doing + ": " + std::generic_category().message(number)};
}

/// What the holder wrote; 0 if it is not to be read.
long holder_of(int fd) {
  std::array<char, 32> text{};
  const ssize_t size = ::pread(fd, text.data(), text.size() - 1, 0);
  return size <= 0 ? 0 : std::strtol(text.data(), nullptr, 10);
}

} // namespace

result<std::unique_ptr<store_lock>> store_lock::take(const std::string& directory) {
  const std::string path = directory + "/lock";
  descriptor fd{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
  if (fd.get() < 0)
    return system_error(errno, "opening " + path);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK)
      return system_error(errno, "locking " + path);
    const long holder = holder_of(fd.get());
    return error{errc::store_locked,
                 directory + " is in use by process " +
                     (holder > 0 ? std::to_string(holder) : std::string{"(unknown)"}) +
                     "; stop it first or choose another directory"};
  }
  const std::string mine = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd.get(), 0) != 0 ||
      ::pwrite(fd.get(), mine.data(), mine.size(), 0) != static_cast<ssize_t>(mine.size()))
    return system_error(errno, "writing " + path);
  return std::unique_ptr<store_lock>{new store_lock{fd.release()}};
}

store_lock::~store_lock() { ::close(fd_); }

result<void> make_private_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0) {
    if (errno != EEXIST)
      return system_error(errno, "making the directory " + path);
    struct stat found {};
    if (::stat(path.c_str(), &found) != 0 || !S_ISDIR(found.st_mode))
      return error{errc::io_error, path + " is not a directory"};
    return {};
  }
  if (::chmod(path.c_str(), 0700) != 0) // a umask can take bits away
    return system_error(errno, "making the directory " + path);
  return sync_directory(path + "/..");
}

result<void> make_private_file(const std::string& path) {
  const descriptor fd{::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
  if (fd.get() < 0)
    return errno == EEXIST ? result<void>{} : system_error(errno, "making " + path);
  if (::fchmod(fd.get(), 0600) != 0)
    return system_error(errno, "making " + path);
  return {};
}

result<void> sync_directory(const std::string& path) {
  const descriptor fd{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (fd.get() < 0 || ::fsync(fd.get()) != 0)
    return system_error(errno, "syncing " + path);
  return {};
}

} // namespace skein::journal
