// From the machine's own source: for seeds, and for what has to differ from start to start.
#pragma once

#include <cstdint>
#include <random>

namespace skein {

inline std::uint64_t random_bits() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32) ^ device();
}

} // namespace skein
