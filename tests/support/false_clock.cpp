// Preloaded into a node, it makes the wall clock wrong: by as many seconds as the file says that
// SKEIN_FALSE_CLOCK names. Other clocks are left alone. That the clock was set is told as the
// kernel does: the timer that watches it becomes readable, as soon as the file was replaced.
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <dlfcn.h>
#include <string>
#include <sys/inotify.h>
#include <sys/timerfd.h>
#include <unistd.h>

namespace {

std::atomic<int> watch{-1}; // of the file's folder, in the place of a timer

long seconds_off() {
  const char* const path = std::getenv("SKEIN_FALSE_CLOCK");
  std::FILE* const file = path == nullptr ? nullptr : std::fopen(path, "re");
  if (file == nullptr)
    return 0;
  long seconds = 0;
  if (std::fscanf(file, "%ld", &seconds) != 1)
    seconds = 0;
  std::fclose(file);
  return seconds;
}

} // namespace

extern "C" int clock_gettime(clockid_t clock, timespec* at) noexcept {
  using call = int (*)(clockid_t, timespec*);
  static const auto next = reinterpret_cast<call>(::dlsym(RTLD_NEXT, "clock_gettime"));
  const int code = next(clock, at);
  if (code == 0 && clock == CLOCK_REALTIME)
    at->tv_sec += seconds_off();
  return code;
}

extern "C" int timerfd_create(int clock, int flags) noexcept {
  using call = int (*)(int, int);
  static const auto next = reinterpret_cast<call>(::dlsym(RTLD_NEXT, "timerfd_create"));
  const char* const path = std::getenv("SKEIN_FALSE_CLOCK");
  if (clock != CLOCK_REALTIME || path == nullptr)
    return next(clock, flags);
  const std::string file{path};
  const int made = ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (made >= 0)
    ::inotify_add_watch(made, file.substr(0, file.rfind('/')).c_str(), IN_MOVED_TO);
  watch = made;
  return made;
}

extern "C" int timerfd_settime(int timer, int flags, const itimerspec* at,
                               itimerspec* before) noexcept {
  using call = int (*)(int, int, const itimerspec*, itimerspec*);
  static const auto next = reinterpret_cast<call>(::dlsym(RTLD_NEXT, "timerfd_settime"));
  if (timer < 0 || timer != watch)
    return next(timer, flags, at, before);
  std::array<char, 4'096> news; // a read of less than one of them takes none
  while (::read(timer, news.data(), news.size()) > 0) {}
  return 0;
}
