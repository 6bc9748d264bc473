// The messages whose bytes lie in tests/golden, and random ones for property tests.
#pragma once

#include "protocol/frame.hpp"

#include <random>
#include <string>
#include <utility>
#include <vector>

namespace skein::test {

struct sample {
  std::string name; // of the file in tests/golden
  frame content;
};

/// The event of tests/golden/event.txt.
event golden_event();
/// One of every kind, in order of kind; no field has its default everywhere.
std::vector<sample> golden_frames();

/// Any message that frame_check allows, of the given kind (index in `message`).
frame random_frame(std::mt19937_64& random, std::size_t kind);

} // namespace skein::test
