#include "journal/store_folder.hpp"

#include "protocol/unique_fd.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace skein::journal {

namespace {

constexpr mode_t written_by_others = S_IWGRP | S_IWOTH;
constexpr mode_t read_by_others = S_IRWXG | S_IRWXO;

std::string octal(mode_t mode) {
  std::array<char, 8> digits{};
  std::snprintf(digits.data(), digits.size(), "%04o", static_cast<unsigned>(mode & 07777));
  return digits.data();
}

/// Whoever may change it must be this user alone.
result<void> check_owner(const std::string& path, const struct stat& found) {
  if (found.st_uid != ::geteuid())
    return error{errc::store_unsafe,
                 path + " belongs to user " + std::to_string(found.st_uid) +
                     ", this process runs as user " + std::to_string(::geteuid()) +
                     "; run it as that user, give the directory to this one (chown -R) or choose "
                     "another directory"};
  if ((found.st_mode & written_by_others) != 0)
    return error{errc::store_unsafe, path + " may be written by others (mode " +
                                         octal(found.st_mode) +
                                         "); look that nobody did, then 'chmod go-w " + path + "'"};
  return {};
}

} // namespace

error system_error(int number, const std::string& doing) {
  errc code = errc::io_error;
  if (number == ENOSPC || number == EDQUOT || number == EFBIG)
    code = errc::disk_full;
  else if (number == EROFS)
    code = errc::store_read_only;
  return {code, doing + ": " + std::generic_category().message(number)};
}

result<void> make_private_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0) {
    if (errno != EEXIST)
      return system_error(errno, "making the directory " + path);
    struct stat found {};
    if (::stat(path.c_str(), &found) != 0 || !S_ISDIR(found.st_mode))
      return error{errc::io_error, path + " is not a directory"};
    return check_owner(path, found);
  }
  if (::chmod(path.c_str(), 0700) != 0) // a umask can take bits away
    return system_error(errno, "making the directory " + path);
  return sync_directory(path + "/..");
}

result<void> make_private_subfolder(const std::string& path) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) == 0 && S_ISLNK(found.st_mode))
    return error{errc::store_unsafe, path + " is a symbolic link; the folders of a store lie in "
                                            "its directory (the directory may be a link)"};
  return make_private_directory(path);
}

result<void> check_store_file(const std::string& path) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0)
    return errno == ENOENT ? result<void>{} : system_error(errno, "looking at " + path);
  if (!S_ISREG(found.st_mode))
    return error{errc::store_unsafe,
                 path + (S_ISLNK(found.st_mode) ? " is a symbolic link" : " is not a plain file") +
                     "; the files of a store lie in its directory: put the file itself there (the "
                     "directory may be a link)"};
  if (auto owned = check_owner(path, found); !owned)
    return owned;
  if (::faccessat(AT_FDCWD, path.c_str(), R_OK | W_OK, AT_EACCESS) != 0 && errno == EACCES)
    return error{errc::store_read_only, path +
                                            " may not be read and written by its own user (mode " +
                                            octal(found.st_mode) + "); 'chmod u+rw " + path + "'"};
  if ((found.st_mode & read_by_others) != 0 && ::chmod(path.c_str(), 0600) != 0)
    return system_error(errno, "taking " + path + " from other readers");
  return {};
}

result<void> check_store_files(const std::string& directory) {
  for (const char* const name :
       {"/lock", "/journal.db", "/journal.db-wal", "/journal.db-shm", "/high-water"})
    if (auto checked = check_store_file(directory + name); !checked)
      return checked;
  return {};
}

result<void> make_private_file(const std::string& path) {
  const unique_fd fd{::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
  if (fd.get() < 0)
    return errno == EEXIST ? result<void>{} : system_error(errno, "making " + path);
  if (::fchmod(fd.get(), 0600) != 0)
    return system_error(errno, "making " + path);
  return {};
}

result<void> sync_directory(const std::string& path) {
  const unique_fd fd{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (fd.get() < 0 || ::fsync(fd.get()) != 0)
    return system_error(errno, "syncing " + path);
  return {};
}

} // namespace skein::journal
