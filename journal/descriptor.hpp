// A file descriptor, owned.
#pragma once

#include <unistd.h>

#include <utility>

namespace skein::journal {

class descriptor {
 public:
  explicit descriptor(int fd) noexcept : fd_{fd} {}
  ~descriptor() {
    if (fd_ >= 0)
      ::close(fd_);
  }
  descriptor(descriptor&& from) noexcept : fd_{std::exchange(from.fd_, -1)} {}
  descriptor& operator=(descriptor&&) = delete;
  int get() const noexcept { return fd_; }
  int release() noexcept { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

} // namespace skein::journal
