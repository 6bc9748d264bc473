// A folder for measurements that is gone afterwards, also when the process is told to end.
#pragma once

#include "nodes/signals.hpp"
#include "protocol/result.hpp"

#include <atomic>
#include <memory>
#include <string>
#include <thread>

namespace skein::bench {

class scratch_folder {
 public:
  /// A new folder in `below`, which must be there, must not be a store, and must have room. SIGINT
  /// and SIGTERM remove it and end the process from now on: before the threads that are not to take
  /// them.
  static result<std::unique_ptr<scratch_folder>> make(const std::string& below);
  ~scratch_folder();
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;

  const std::string& path() const noexcept { return path_; }
  /// No disk is below it.
  bool is_in_memory() const;

 private:
  explicit scratch_folder(std::string path);
  void watch();

  std::string path_;
  signals caught_;
  std::atomic<bool> over_{false};
  std::thread watcher_;
};

} // namespace skein::bench
