// Preloaded into a node, it makes the disk under the journal fail to order. SKEIN_BAD_DISK names a
// directory; what lies in it says what happens to the journal's files:
//
//   full    every write finds no space
//   quota   every write finds the user's quota used up
//   broken  every sync fails
//   hung    a sync does not return as long as this is there
//   slow    a sync takes 20 ms more
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <poll.h>
#include <string>
#include <sys/types.h>
#include <unistd.h>

namespace {

bool is_ordered(const char* what) {
  const char* const folder = std::getenv("SKEIN_BAD_DISK");
  return folder != nullptr && ::access((std::string{folder} + "/" + what).c_str(), F_OK) == 0;
}

bool is_journal(int fd) {
  char path[4096];
  char link[64];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t size = ::readlink(link, path, sizeof path - 1);
  if (size <= 0)
    return false;
  path[size] = '\0';
  return std::strstr(path, "/journal.db") != nullptr;
}

template <class Call>
Call real(const char* name) {
  return reinterpret_cast<Call>(::dlsym(RTLD_NEXT, name));
}

bool refuse_write(int fd) {
  if (!is_journal(fd))
    return false;
  if (is_ordered("full"))
    errno = ENOSPC;
  else if (is_ordered("quota"))
    errno = EDQUOT;
  else
    return false;
  return true;
}

bool fail_sync(int fd) {
  if (!is_journal(fd))
    return false;
  while (is_ordered("hung"))
    ::poll(nullptr, 0, 10);
  if (is_ordered("slow"))
    ::poll(nullptr, 0, 20);
  if (!is_ordered("broken"))
    return false;
  errno = EIO;
  return true;
}

} // namespace

extern "C" {

ssize_t write(int fd, const void* bytes, std::size_t size) {
  static const auto next = real<ssize_t (*)(int, const void*, std::size_t)>("write");
  return refuse_write(fd) ? -1 : next(fd, bytes, size);
}

ssize_t pwrite(int fd, const void* bytes, std::size_t size, off_t at) {
  static const auto next = real<ssize_t (*)(int, const void*, std::size_t, off_t)>("pwrite");
  return refuse_write(fd) ? -1 : next(fd, bytes, size, at);
}

ssize_t pwrite64(int fd, const void* bytes, std::size_t size, off64_t at) {
  static const auto next = real<ssize_t (*)(int, const void*, std::size_t, off64_t)>("pwrite64");
  return refuse_write(fd) ? -1 : next(fd, bytes, size, at);
}

int fsync(int fd) {
  static const auto next = real<int (*)(int)>("fsync");
  return fail_sync(fd) ? -1 : next(fd);
}

int fdatasync(int fd) {
  static const auto next = real<int (*)(int)>("fdatasync");
  return fail_sync(fd) ? -1 : next(fd);
}

} // extern "C"
