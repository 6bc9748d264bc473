// SIGTERM, SIGINT and SIGHUP as something to wait for. The mask is set before
// any thread starts, so that the signals come to nobody else.
#pragma once

#include <cstdint>

namespace skein {

class signals {
 public:
  /// Blocks SIGTERM, SIGINT and, unless it is ignored already, SIGHUP in this thread and those it
  /// will start, and ignores SIGPIPE.
  signals();
  ~signals();
  signals(const signals&) = delete;
  signals& operator=(const signals&) = delete;

  /// Readable when a signal waits.
  int fd() const noexcept { return fd_; }
  /// Takes one signal; 0 if none waits.
  int take() noexcept;

 private:
  int fd_ = -1;
};

} // namespace skein
