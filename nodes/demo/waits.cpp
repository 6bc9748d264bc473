#include "nodes/demo/waits.hpp"

#include <algorithm>
#include <poll.h>

namespace skein::demo {

bool waits::interrupted() {
  interrupted_ = interrupted_ || caught_.take() != 0;
  return interrupted_;
}

bool waits::readable(const std::vector<int>& fds, duration at_most) {
  if (interrupted())
    return false;
  std::vector<pollfd> items{{caught_.fd(), POLLIN, 0}};
  for (const int each : fds)
    items.push_back({each, POLLIN, 0});
  const auto patience_ms = std::chrono::ceil<std::chrono::milliseconds>(at_most).count();
  ::poll(items.data(), items.size(),
         static_cast<int>(std::clamp<std::int64_t>(patience_ms, 0, 60'000)));
  return !interrupted() && std::any_of(items.begin() + 1, items.end(),
                                       [](const pollfd& each) { return each.revents != 0; });
}

bool waits::sleep(duration how_long) {
  const auto until = std::chrono::steady_clock::now() + how_long;
  while (!interrupted()) {
    const auto left = until - std::chrono::steady_clock::now();
    if (left <= duration{0})
      return true;
    readable({}, left);
  }
  return false;
}

bool waits::until(const std::function<bool()>& holds, duration at_most, duration every) {
  const auto until = std::chrono::steady_clock::now() + at_most;
  while (!interrupted()) {
    if (holds())
      return true;
    if (std::chrono::steady_clock::now() >= until)
      return false;
    sleep(every);
  }
  return false;
}

} // namespace skein::demo
