// Watches over something that must not take for ever, such as the last writes to a disk that hangs:
// calls `late` on a thread of its own unless it is destroyed within the limit.
#pragma once

#include "protocol/time.hpp"

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace skein {

class watchdog {
 public:
  watchdog(duration limit, std::function<void()> late);
  ~watchdog();
  watchdog(const watchdog&) = delete;
  watchdog& operator=(const watchdog&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false; // guarded by mutex_
  std::thread thread_;
};

} // namespace skein
