// The lock that makes a directory belong to one process: flock on DIR/lock, which the kernel gives
// up with the process however it ends. The file names the holder for people.
#pragma once

#include "protocol/result.hpp"
#include "protocol/time.hpp"

#include <functional>
#include <memory>
#include <string>

namespace skein::journal {

class store_lock {
 public:
  using pause = std::function<void(duration)>;

  /// store_locked, naming the directory and the holder's pid, if another process holds it for all
  /// of `patience`. A process that was killed may hold it a moment longer: while it ends, and
  /// through a child that it had cloned and that has not begun its program yet. `wait` sleeps
  /// between tries.
  static result<std::unique_ptr<store_lock>> take(const std::string& directory, duration patience,
                                                  const pause& wait = sleep_for);
  ~store_lock();
  store_lock(const store_lock&) = delete;
  store_lock& operator=(const store_lock&) = delete;

 private:
  explicit store_lock(int fd) : fd_{fd} {}
  static void sleep_for(duration time);
  int fd_;
};

} // namespace skein::journal
