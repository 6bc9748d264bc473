// The files of an open store, as their paths name them. A process goes on with files that somebody
// has removed, and what it writes there vanishes with it: so each commit looks, before it is
// acknowledged, whether the paths still lead to what is open. A stat of what the kernel has in
// memory: about 1 us a file.
#pragma once

#include "protocol/result.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace skein::journal {

class store_watch {
 public:
  /// Watches nothing: a store that lies in no directory.
  store_watch() = default;

  /// Whatever of a store is in the directory now, and the directory itself.
  static result<store_watch> begin(const std::string& directory);

  /// store_gone, naming the file, if one was removed, replaced or moved away; io_error if that is
  /// not to be known.
  result<void> check() const;

 private:
  struct file {
    std::string path;
    std::uint64_t device = 0;
    std::uint64_t number = 0;
  };
  std::vector<file> files_;
};

} // namespace skein::journal
