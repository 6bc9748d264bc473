// One seed of a cluster: nodes, clients, faults, and whether the promises held.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace skein::test {

struct cluster_verdict {
  std::map<std::string, std::string> broken; // rule: the first time
  std::map<std::string, std::uint64_t> seen; // rare things
  std::string options;
  bool ok() const { return broken.empty(); }
};

cluster_verdict simulate_cluster(std::uint64_t seed, bool verbose);

} // namespace skein::test
