// "Sometimes": what a set of seeds must have met, or its faults and its load are too tame to prove
// anything.
#pragma once

#include "tests/sim/history.hpp"

#include <cstdint>
#include <map>
#include <string>

namespace skein::test {

/// Counts the rare things of one history.
void note_rare_things(const history& of, std::map<std::string, std::uint64_t>& seen);

} // namespace skein::test
