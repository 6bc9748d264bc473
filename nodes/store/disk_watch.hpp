// The disk under a store: looks at its free space once a second, on the thread that writes, and
// gives up the ballast when a commit found no room. Tells of changes, once each.
#pragma once

#include "actors/ports.hpp"
#include "nodes/store/ballast.hpp"
#include "nodes/store/free_space.hpp"

#include <functional>
#include <string>

namespace skein {

enum class disk_news : std::uint8_t {
  low,        // no new events from now on
  enough,     // they are taken again
  released,   // the ballast was given up
  made,       // it is there
  no_ballast, // it cannot be made; said once
};

/// "1 GiB", "37 MiB", "12 KiB": for people, rounded down.
std::string size_text(std::uint64_t bytes);

/// The mark of free space on the disk of this folder, or of the one that it will be made in; 0 if
/// the disk cannot be asked.
std::uint64_t free_mark_of(const std::string& directory, const disk_settings& settings);

class disk_watch {
 public:
  using listener = std::function<void(disk_news, const disk_facts&, const error& why)>;

  /// Of an open store in this directory.
  disk_watch(std::string directory, disk_settings settings, listener tell);

  /// One thread at a time. A disk that cannot be asked is taken to be as it was.
  void look();
  /// After a commit that found no room: true if there is more of it now.
  bool give_way();

  const disk_facts& facts() const noexcept { return facts_; }

 private:
  void make_ballast(std::uint64_t bytes);

  std::string directory_;
  free_space space_;
  ballast ballast_;
  listener tell_;
  disk_facts facts_;
  bool told_none_ = false;
};

} // namespace skein
