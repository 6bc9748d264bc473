// What is known of the configurations that the nodes work by: this node's own word, and what the
// others have told of theirs.
#pragma once

#include "protocol/time.hpp"

#include <cstdint>
#include <map>
#include <string>

namespace skein {

struct config_facts {
  struct generation {
    std::uint64_t number = 0;
    std::string hash;        // of the content: equal ones mean the same
    std::uint32_t loops = 0; // that the node has
    boot_time heard{};
  };
  std::string own;                         // what status shows of it, as JSON; empty: nothing yet
  std::map<std::string, generation> nodes; // by name, this one too
};

/// Others tell theirs every two seconds; what is older is not known any more.
inline constexpr std::chrono::seconds config_told_every{2};
inline constexpr std::chrono::seconds config_known_for{10};

} // namespace skein
