// What every actor last said of itself: read by status and metrics on any thread without asking the
// actor. Each board has one writer, its actor.
#pragma once

#include "actors/agent_core.hpp"
#include "actors/gateway_core.hpp"
#include "actors/scheduler_core.hpp"

#include <mutex>
#include <string>
#include <vector>

namespace skein {

template <class T>
class board {
 public:
  void write(const T& value) {
    const std::lock_guard lock{mutex_};
    value_ = value;
  }
  T read() const {
    const std::lock_guard lock{mutex_};
    return value_;
  }

 private:
  mutable std::mutex mutex_;
  T value_{};
};

struct loop_facts {
  scheduler_core::counters counted;
  std::size_t pending = 0; // events
  std::size_t running = 0;
  std::size_t lanes = 0;
  std::vector<std::size_t> waiting; // deliveries by agent number
  duration cpu{0};
  boot_time last_step{};
};
struct agent_facts {
  agent_core::counters counted;
  std::size_t running = 0;
};
struct gateway_facts {
  gateway_core::counters counted;
  std::size_t events_in_flight = 0;
  std::size_t bytes_in_flight = 0;
};

} // namespace skein
