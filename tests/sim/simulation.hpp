// One seed from beginning to end: draw a world, let it work under faults, heal it, let it come to
// rest, judge it.
#pragma once

#include "tests/sim/checker.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace skein::test {

struct sim_verdict {
  std::vector<violation> violations;
  std::string options;  // what the seed drew
  std::string evidence; // of the first violation: the records around it
  std::uint64_t trace = 0;
  std::uint64_t steps = 0;
  std::map<std::string, std::uint64_t> seen; // rare things, counted
};

sim_verdict simulate(std::uint64_t seed, bool verbose);

/// The rare things that a set of seeds must have met, each at least once.
const std::vector<std::string>& rare_things();

} // namespace skein::test
