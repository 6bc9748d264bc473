#include "nodes/store/medium.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <sys/vfs.h>

namespace skein {

namespace {

// As in linux/magic.h, which not every system's headers have in full.
struct medium {
  long type;
  std::string_view name;
  std::string_view why;
};
constexpr std::string_view in_memory =
    "what is acknowledged there is gone when the machine stops; choose a folder on a disk";
constexpr std::string_view on_network = "locks and syncs over a network may not hold what they "
                                        "promise, and the store needs both; choose "
                                        "a folder on a disk of this machine";
constexpr std::string_view in_layer = "it goes with the container; mount a volume there";
constexpr std::array media{
    medium{0x01021994, "tmpfs (memory)", in_memory},
    medium{static_cast<long>(0x858458f6), "ramfs (memory)", in_memory},
    medium{0x6969, "NFS", on_network},
    medium{static_cast<long>(0xff534d42), "CIFS", on_network},
    medium{static_cast<long>(0xfe534d42), "SMB", on_network},
    medium{0x517b, "SMB", on_network},
    medium{0x01021997, "9p", on_network},
    medium{0x00c36400, "CephFS", on_network},
    medium{0x65735546, "FUSE", on_network},
    medium{0x794c7630, "overlayfs", in_layer},
};

} // namespace

std::optional<std::string> medium_warning_of(long type) {
  const auto found = std::find_if(media.begin(), media.end(),
                                  [type](const medium& each) { return each.type == type; });
  if (found == media.end())
    return std::nullopt;
  return "the data folder lies on " + std::string{found->name} + ": " + std::string{found->why};
}

std::optional<std::string> medium_warning(const std::string& directory) {
  struct statfs found {};
  if (::statfs(directory.c_str(), &found) != 0)
    return std::nullopt;
  return medium_warning_of(static_cast<long>(found.f_type));
}

} // namespace skein
