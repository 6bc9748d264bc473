// Tells a supervisor that the node works, and only while it does: time and again a question goes to
// the parts that do the work, and what is told is that they have answered. A part that hangs is
// thereby known as a process that is frozen as a whole is: nothing is told any more.
#pragma once

#include "nodes/logging/log.hpp"
#include "nodes/supervisor/supervisor.hpp"
#include "protocol/time.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>

namespace skein {

class heartbeat {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  /// Asks those parts; `done` is called on any thread, at most once, with whether all of them have
  /// answered within the time.
  using question = std::function<void(duration within, std::function<void(bool)> done)>;

  /// `to` outlives it. Nobody is asked if the supervisor does not watch.
  heartbeat(supervisor& to, question ask, log_function log, time_point now);

  /// For poll(): milliseconds until beat() is to be called; -1: never.
  int wait_ms(time_point now) const;
  /// Tells that the last question was answered, and asks the next one; nothing before its time.
  void beat(time_point now);

 private:
  enum class reply : std::uint8_t { none_asked, awaited, all, not_all };

  void complain(time_point now);

  supervisor& to_;
  question ask_;
  log_function log_;
  duration period_{0}; // 0: nobody watches
  time_point next_;
  time_point answered_; // when all had answered last
  bool told_silent_ = false;
  /// Outlives this: an answer may come late.
  std::shared_ptr<std::atomic<reply>> last_ = std::make_shared<std::atomic<reply>>();
};

} // namespace skein
