// Decides what is done about the free space of the store's disk: when new events are refused, and
// when the ballast is made again. Pure.
//
//   free   |--------------------------------------------------------------| total
//   low         < mark: refused      mark to reopen: as before      from reopen on: taken
//
// Ballast that is not there counts as taken all the same: what it was given up for must not become
// room for new events, and making it again changes nothing of the above.
#pragma once

#include "nodes/config/disk_share.hpp"

#include <cstdint>

namespace skein {

/// What the settings mean on a disk of this size, in bytes.
struct space_marks {
  std::uint64_t mark = 0;
  std::uint64_t reopen = 0; // a quarter more, so that intake does not flutter; not out of reach
  std::uint64_t ballast = 0;
};
/// "auto" is 5 % of the disk, 16 MiB at least and 1 GiB at most; of ballast 1 %, 8 to 64 MiB.
space_marks marks_for(const disk_settings& settings, std::uint64_t total);

class free_space {
 public:
  explicit free_space(disk_settings settings) : settings_{settings} {}

  struct input {
    std::uint64_t total = 0;
    std::uint64_t free = 0;
    bool has_ballast = false;
  };
  struct verdict {
    bool low = false;
    bool changed = false; // since the last look; at the first: from not low
    bool make_ballast = false;
    space_marks marks;
  };
  verdict look(const input& seen);
  const disk_settings& settings() const noexcept { return settings_; }

 private:
  disk_settings settings_;
  bool low_ = false;
};

} // namespace skein
