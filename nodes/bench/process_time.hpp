// Time as measurements take it: what passed, and what a process used of its processors.
#pragma once

#include <chrono>
#include <sys/resource.h>

namespace skein::bench {

inline double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Of this process, or with RUSAGE_CHILDREN of those that it waited for.
inline double cpu_now(int who = RUSAGE_SELF) {
  rusage used{};
  getrusage(who, &used);
  const auto seconds = [](const timeval& at) {
    return static_cast<double>(at.tv_sec) + static_cast<double>(at.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

} // namespace skein::bench
