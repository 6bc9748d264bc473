// How the demo's own thread waits: a signal that ends the demo ends every wait.
#pragma once

#include "nodes/signals.hpp"
#include "protocol/time.hpp"

#include <functional>
#include <vector>

namespace skein::demo {

class waits {
 public:
  using time = std::chrono::steady_clock::time_point;

  /// Whether a signal came that ends the demo.
  bool interrupted();
  /// Until one of them is readable, a signal came or the time is up. Whether one is readable.
  bool readable(const std::vector<int>& fds, duration at_most);
  /// Whether the whole time has passed.
  bool sleep(duration how_long);
  /// Looks every so often until it holds; false: the time is up, or a signal came.
  bool until(const std::function<bool()>& holds, duration at_most, duration every);

 private:
  signals caught_;
  bool interrupted_ = false;
};

} // namespace skein::demo
