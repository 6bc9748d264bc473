#include "protocol/check.hpp"

#include <cstdio>
#include <cstdlib>
#include <poll.h>
#include <unistd.h>

namespace skein {

void check_failed(const char* condition, const char* file, int line) noexcept {
  // Whoever should read this may have stopped: that must not keep us from ending.
  pollfd item{STDERR_FILENO, POLLOUT, 0};
  if (poll(&item, 1, 100) == 1)
    std::fprintf(stderr, "skein: broken invariant: %s (%s:%d)\n", condition, file, line);
  std::abort();
}

} // namespace skein
