#include "nodes/broker/private_file.hpp"

#include "journal/store_folder.hpp"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace skein {

namespace {

result<void> check_private(const std::string& path, const struct stat& found) {
  if (!S_ISREG(found.st_mode) || found.st_nlink != 1)
    return error{errc::store_unsafe, path + " is not a plain file with one name"};
  if (found.st_uid != ::geteuid())
    return error{errc::store_unsafe, path + " belongs to user " + std::to_string(found.st_uid)};
  if ((found.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    return error{errc::store_unsafe, path +
                                         " is open to others; look that nobody used that, then "
                                         "'chmod 600 " +
                                         path + "'"};
  return {};
}

result<void> write_all(int fd, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0)
      return journal::system_error(errno, "writing " + path);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fchmod(fd, 0600) != 0 || ::fsync(fd) != 0)
    return journal::system_error(errno, "writing " + path);
  return {};
}

/// The name that the file has until it is whole.
std::string scratch_name(const std::string& path) {
  return path + ".new-" + std::to_string(::getpid());
}

result<void> put_in_place(const std::string& from, const std::string& path, if_there what) {
  const unsigned flags = what == if_there::keep ? RENAME_NOREPLACE : 0;
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, path.c_str(), flags) == 0)
    return journal::sync_directory(path.substr(0, path.rfind('/') + 1) + ".");
  int why = errno;
  if (why == EINVAL && what == if_there::keep) { // a file system without it, such as NFS
    if (::link(from.c_str(), path.c_str()) == 0) {
      ::unlink(from.c_str());
      return journal::sync_directory(path.substr(0, path.rfind('/') + 1) + ".");
    }
    why = errno;
  }
  if (why == EEXIST)
    return error{errc::state_conflict, path + " is there already."};
  return journal::system_error(why, "making " + path);
}

} // namespace

result<std::optional<std::string>> read_private_file(const std::string& path,
                                                     std::size_t bytes_max) {
  const unique_fd fd{::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)};
  if (!fd && errno == ENOENT)
    return std::optional<std::string>{};
  if (!fd && errno == ELOOP)
    return error{errc::store_unsafe, path + " is a symbolic link"};
  struct stat found {};
  if (!fd || ::fstat(fd.get(), &found) != 0)
    return journal::system_error(errno, "opening " + path);
  if (auto safe = check_private(path, found); !safe)
    return safe.error();
  std::string text(bytes_max + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(fd.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return journal::system_error(errno, "reading " + path);
    if (got == 0)
      break;
    size += static_cast<std::size_t>(got);
  }
  if (size > bytes_max)
    return error{errc::too_large, path + " has more than " + std::to_string(bytes_max) + " bytes"};
  text.resize(size);
  return std::optional{std::move(text)};
}

result<void> write_private_file(const std::string& path, std::string_view text, if_there what) {
  const std::string scratch = scratch_name(path);
  ::unlink(scratch.c_str()); // of a process with this number that was stopped half-way
  const unique_fd fd{
      ::open(scratch.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)};
  if (!fd)
    return journal::system_error(errno, "making " + path);
  auto done = write_all(fd.get(), text, path);
  if (done)
    done = put_in_place(scratch, path, what);
  if (!done)
    ::unlink(scratch.c_str());
  return done;
}

result<unique_fd> take_file_lock(const std::string& path) {
  constexpr int tries = 200;
  constexpr int between_tries_ms = 10;
  unique_fd fd{::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600)};
  if (!fd && errno == ENOENT)
    return error{errc::not_found, "There is no folder " + path.substr(0, path.rfind('/')) + "."};
  if (!fd)
    return journal::system_error(errno, "opening " + path);
  for (int i = 0; i < tries; ++i) {
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0)
      return fd;
    if (errno != EWOULDBLOCK)
      return journal::system_error(errno, "locking " + path);
    ::poll(nullptr, 0, between_tries_ms);
  }
  return error{errc::store_locked, path + " is held by another process"};
}

std::string file_stamp(const std::string& path) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0)
    return "absent";
  return std::to_string(found.st_ino) + "." + std::to_string(found.st_size) + "." +
         std::to_string(found.st_mtim.tv_sec) + "." + std::to_string(found.st_mtim.tv_nsec) + "." +
         std::to_string(found.st_ctim.tv_sec) + "." + std::to_string(found.st_ctim.tv_nsec);
}

} // namespace skein
