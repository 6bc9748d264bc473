// A file in the store's folder that takes space for a bad day: when the disk is full it is removed,
// so that what was taken already can be finished.
#pragma once

#include "protocol/result.hpp"

#include <cstdint>
#include <string>

namespace skein {

class ballast {
 public:
  explicit ballast(const std::string& directory) : path_{directory + "/ballast"} {}

  /// Of the file; 0 = there is none.
  std::uint64_t size() const;
  /// The file with this size, its space really taken. disk_full, or io_error where the file system
  /// cannot give space to a file in advance; then there is none.
  result<void> make(std::uint64_t bytes);
  /// Whether there was one.
  bool release();

 private:
  std::string path_;
};

} // namespace skein
