#include "nodes/store/watchdog.hpp"

#include <pthread.h>
#include <utility>

namespace skein {

watchdog::watchdog(duration limit, std::function<void()> late)
  : thread_{[this, limit, late = std::move(late)] {
      pthread_setname_np(pthread_self(), "skein-watchdog");
      std::unique_lock lock{mutex_};
      if (!changed_.wait_for(lock, limit, [this] { return done_; }))
        late();
    }} {}

watchdog::~watchdog() {
  {
    const std::lock_guard lock{mutex_};
    done_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

} // namespace skein
