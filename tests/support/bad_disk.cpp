// Preloaded into a node, it makes the disk under the journal fail to order. SKEIN_BAD_DISK names a
// directory; what lies in it says what happens to the journal's files:
//
//   full    every write finds no space
//   quota   every write finds the user's quota used up
//   broken  every sync fails
//   hung    a sync does not return as long as this is there
//   slow    a sync takes 20 ms more
//   nth     says "KIND N ERROR": the process's Nth call of this kind (write, sync, truncate, read)
//           fails with this error number; it then makes the file `hit`. The high-water mark and the
//           folder `data` itself count here too
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <string>
#include <sys/types.h>
#include <unistd.h>

namespace {

std::string order_file(const char* what) {
  const char* const folder = std::getenv("SKEIN_BAD_DISK");
  return folder == nullptr ? std::string{} : std::string{folder} + "/" + what;
}

bool is_ordered(const char* what) {
  const std::string file = order_file(what);
  return !file.empty() && ::access(file.c_str(), F_OK) == 0;
}

std::string path_of(int fd) {
  char path[4096];
  char link[64];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t size = ::readlink(link, path, sizeof path);
  return size <= 0 ? std::string{} : std::string{path, static_cast<std::size_t>(size)};
}

bool is_journal(int fd) { return path_of(fd).find("/journal.db") != std::string::npos; }

bool ends_with(const std::string& text, const char* end) {
  const std::size_t size = std::strlen(end);
  return text.size() >= size && text.compare(text.size() - size, size, end) == 0;
}

template <class Call>
Call real(const char* name) {
  return reinterpret_cast<Call>(::dlsym(RTLD_NEXT, name));
}

enum kind { writes, syncs, truncates, reads, kinds };
constexpr const char* kind_names[kinds] = {"write", "sync", "truncate", "read"};
std::array<std::atomic<int>, kinds> calls;

/// Whether this is the call that the order `nth` names.
bool is_nth(kind of, int fd) {
  if (!is_ordered("nth"))
    return false;
  const std::string path = path_of(fd);
  if (path.find("/journal.db") == std::string::npos && !ends_with(path, "/high-water") &&
      !ends_with(path, "/data"))
    return false;
  const int count = ++calls[of];
  char name[16] = {};
  int number = 0;
  int code = 0;
  std::FILE* const file = std::fopen(order_file("nth").c_str(), "re");
  if (file == nullptr)
    return false;
  const bool read = std::fscanf(file, "%15s %d %d", name, &number, &code) == 3;
  std::fclose(file);
  if (!read || std::strcmp(name, kind_names[of]) != 0 || number != count)
    return false;
  ::close(::open(order_file("hit").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  errno = code;
  return true;
}

bool refuse_write(int fd) {
  if (is_nth(writes, fd))
    return true;
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
  if (is_nth(syncs, fd))
    return true;
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

ssize_t pread(int fd, void* bytes, std::size_t size, off_t at) {
  static const auto next = real<ssize_t (*)(int, void*, std::size_t, off_t)>("pread");
  return is_nth(reads, fd) ? -1 : next(fd, bytes, size, at);
}

ssize_t pread64(int fd, void* bytes, std::size_t size, off64_t at) {
  static const auto next = real<ssize_t (*)(int, void*, std::size_t, off64_t)>("pread64");
  return is_nth(reads, fd) ? -1 : next(fd, bytes, size, at);
}

int ftruncate(int fd, off_t size) {
  static const auto next = real<int (*)(int, off_t)>("ftruncate");
  return is_nth(truncates, fd) ? -1 : next(fd, size);
}

int ftruncate64(int fd, off64_t size) {
  static const auto next = real<int (*)(int, off64_t)>("ftruncate64");
  return is_nth(truncates, fd) ? -1 : next(fd, size);
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
