#include "nodes/store/free_space.hpp"

#include <algorithm>
#include <utility>

namespace skein {

namespace {

constexpr std::uint64_t mib = 1 << 20;

struct automatic {
  std::uint64_t percent;
  std::uint64_t least;
  std::uint64_t most;
};
constexpr automatic auto_mark{5, 16 * mib, 1024 * mib};
constexpr automatic auto_ballast{1, 8 * mib, 64 * mib};

std::uint64_t part_of(std::uint64_t total, std::uint64_t percent) { return total / 100 * percent; }

std::uint64_t bytes_of(const disk_share& share, const automatic& by_itself, std::uint64_t total) {
  switch (share.how) {
    case disk_share::form::percent:
      return part_of(total, share.value);
    case disk_share::form::bytes:
      return share.value;
    case disk_share::form::automatic:
      break;
  }
  return std::clamp(part_of(total, by_itself.percent), by_itself.least, by_itself.most);
}

} // namespace

space_marks marks_for(const disk_settings& settings, std::uint64_t total) {
  space_marks marks;
  marks.mark = bytes_of(settings.free_min, auto_mark, total);
  const std::uint64_t above = total - std::min(total, marks.mark);
  marks.reopen = marks.mark + std::min(marks.mark / 4, above / 2);
  marks.ballast = bytes_of(settings.ballast, auto_ballast, total);
  return marks;
}

free_space::verdict free_space::look(const input& seen) {
  verdict found;
  found.marks = marks_for(settings_, seen.total);
  const std::uint64_t missing = seen.has_ballast ? 0 : found.marks.ballast;
#ifdef SKEIN_BUG_BALLAST_IS_ROOM
  const std::uint64_t room = seen.free;
#else
  const std::uint64_t room = seen.free - std::min(seen.free, missing);
#endif
#ifdef SKEIN_BUG_MARK_WITHOUT_HYSTERESIS
  low_ = false;
#endif
  found.low = room < (low_ ? found.marks.reopen : found.marks.mark);
  found.changed = std::exchange(low_, found.low) != found.low;
  found.make_ballast = missing > 0 && seen.free >= missing && room >= found.marks.mark;
  return found;
}

} // namespace skein
