#include "nodes/store/disk_watch.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <sys/statvfs.h>
#include <utility>

namespace skein {

std::string size_text(std::uint64_t bytes) {
  constexpr std::uint64_t kib = 1024;
  if (bytes >= 10 * kib * kib * kib)
    return fmt::format("{} GiB", bytes / (kib * kib * kib));
  if (bytes >= kib * kib)
    return fmt::format("{} MiB", bytes / (kib * kib));
  return fmt::format("{} KiB", bytes / kib);
}

std::uint64_t free_mark_of(const std::string& directory, const disk_settings& settings) {
  struct statvfs found {};
  const auto parent = std::filesystem::absolute(directory).parent_path();
  if (::statvfs(directory.c_str(), &found) != 0 && ::statvfs(parent.c_str(), &found) != 0)
    return 0;
  return marks_for(settings, std::uint64_t{found.f_blocks} * found.f_frsize).mark;
}

disk_watch::disk_watch(std::string directory, disk_settings settings, listener tell)
  : directory_{std::move(directory)}, space_{settings}, ballast_{directory_}, tell_{std::move(
                                                                                  tell)} {}

void disk_watch::look() {
  struct statvfs found {};
  if (::statvfs(directory_.c_str(), &found) != 0)
    return;
  facts_.total = std::uint64_t{found.f_blocks} * found.f_frsize;
  facts_.free = std::uint64_t{found.f_bavail} * found.f_frsize;
  const std::uint64_t wanted = marks_for(space_.settings(), facts_.total).ballast;
  if (const std::uint64_t size = ballast_.size(); size != 0 && size != wanted)
    ballast_.release(); // of other settings
  facts_.ballast = ballast_.size();
  const auto verdict = space_.look({facts_.total, facts_.free, facts_.ballast != 0 || told_none_});
  facts_.mark = verdict.marks.mark;
  facts_.reopen = verdict.marks.reopen;
  facts_.low = verdict.low;
  if (verdict.changed)
    tell_(verdict.low ? disk_news::low : disk_news::enough, facts_, {});
  if (verdict.make_ballast)
    make_ballast(verdict.marks.ballast);
}

void disk_watch::make_ballast(std::uint64_t bytes) {
  const auto made = ballast_.make(bytes);
  if (made) {
    facts_.ballast = bytes;
    tell_(disk_news::made, facts_, {});
  } else if (made.error().code != errc::disk_full) { // else there is room for it later
    told_none_ = true;
    tell_(disk_news::no_ballast, facts_, made.error());
  }
}

bool disk_watch::give_way() {
#ifdef SKEIN_BUG_BALLAST_IS_KEPT
  return false;
#else
  if (!ballast_.release())
    return false;
  tell_(disk_news::released, facts_, {});
  facts_.ballast = 0;
  return true;
#endif
}

} // namespace skein
