// How much of a disk, as people write it: "auto", "5%", "512MiB".
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace skein {

struct disk_share {
  enum class form : std::uint8_t { automatic, percent, bytes } how = form::automatic;
  std::uint64_t value = 0; // of percent and bytes

  friend bool operator==(const disk_share&, const disk_share&) = default;
};

/// Empty when it is none of the three; percents are whole, 0 to 90.
std::optional<disk_share> parse_disk_share(std::string_view text);

/// What a node keeps free on the disk of its store.
struct disk_settings {
  disk_share free_min; // below it no new events are taken
  disk_share ballast;  // in a file, to be given up when the disk is full

  friend bool operator==(const disk_settings&, const disk_settings&) = default;
};

} // namespace skein
