// The lock that makes a directory belong to one process: flock on DIR/lock, which the kernel gives
// up with the process however it ends. The file names the holder for people.
#pragma once

#include "protocol/result.hpp"

#include <memory>
#include <string>

namespace skein::journal {

class store_lock {
 public:
  /// store_locked, naming the directory and the holder's pid, while another holds it.
  static result<std::unique_ptr<store_lock>> take(const std::string& directory);
  ~store_lock();
  store_lock(const store_lock&) = delete;
  store_lock& operator=(const store_lock&) = delete;

 private:
  explicit store_lock(int fd) : fd_{fd} {}
  int fd_;
};

/// Makes the directory (0700, whatever the umask) if it is absent; its parent must exist.
result<void> make_private_directory(const std::string& path);

/// Makes the file (0600, whatever the umask) if it is absent. SQLite gives its other files the same
/// mode.
result<void> make_private_file(const std::string& path);

/// Makes names in a directory last.
result<void> sync_directory(const std::string& path);

} // namespace skein::journal
