// The lock that makes a directory belong to one process: flock on the directory itself and on
// DIR/lock, which the kernel gives up with the process however it ends. The file names the holder
// for people; whoever removes it does not free the directory. (A network file system may have no
// locks on directories: there the file alone counts.)
#pragma once

#include "protocol/result.hpp"
#include "protocol/time.hpp"
#include "protocol/unique_fd.hpp"

#include <functional>
#include <memory>
#include <string>
#include <utility>

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
  ~store_lock() = default;
  store_lock(const store_lock&) = delete;
  store_lock& operator=(const store_lock&) = delete;

 private:
  store_lock(unique_fd directory, unique_fd file)
    : directory_{std::move(directory)}, file_{std::move(file)} {}
  static void sleep_for(duration time);
  unique_fd directory_;
  unique_fd file_;
};

} // namespace skein::journal
