// A small archive in memory: files by name, as tar and gzip have them.
#pragma once

#include "protocol/time.hpp"

#include <string>
#include <string_view>

namespace skein::cli {

class tar_archive {
 public:
  /// `made` is the time of all of its files.
  explicit tar_archive(instant made) : made_{made} {}

  /// `name` has less than 100 bytes; `text` less than 8 GiB.
  void add(std::string_view name, std::string_view text);
  /// The whole of it, compressed. Nothing can be added afterwards.
  std::string finish();

 private:
  instant made_;
  std::string bytes_;
};

} // namespace skein::cli
