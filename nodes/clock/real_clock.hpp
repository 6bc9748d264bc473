// The clock of a real node: a clock_port over the kernel's clocks, with one thread.
//
//   timerfd CLOCK_BOOTTIME, absolute        the earliest wake; counts time asleep
//   timerfd CLOCK_REALTIME, cancel-on-set   readable when somebody sets the wall clock
//   eventfd                                 readable when the clock is to end
//
// When the wall clock is set, every pending wake fires at once, out of turn, and stays: its owner
// keeps a wall instant as boot time and must look anew. It fires at its own time too; owners ignore
// what they no longer need.
#pragma once

#include "actors/ports.hpp"
#include "nodes/clock/engine_time.hpp"
#include "nodes/clock/store_time.hpp"
#include "nodes/clock/wake_queue.hpp"
#include "protocol/result.hpp"
#include "protocol/unique_fd.hpp"

#include <functional>
#include <memory>
#include <mutex>
#include <thread>

namespace skein {

/// Where wall time comes from; tests give their own.
struct wall_source {
  std::function<instant()> read; // default: CLOCK_REALTIME
  int set_fd = -1; // readable when the clock was set; owned by the caller. -1: the kernel's
  /// Called once each time the clock was set so far ahead that it is not believed; any thread.
  std::function<void(instant said, instant kept)> doubted{};
  /// Of a store that several nodes share: as soon as it was heard, its time in the place of `read`.
  std::shared_ptr<const store_time> of_store{};
};

class real_clock final : public clock_port {
 public:
  /// Fails with io_error when the kernel has no more descriptors or lacks these timers.
  static result<std::unique_ptr<real_clock>> open(wall_source wall = {});

  /// Drops what is pending; returns when no callback runs any more.
  ~real_clock() override;

  moment now() const override;
  /// Wakes wait without a bound of their own: each part has at most a few, which bounds them.
  void wake_at(boot_time at, std::function<void()> fire) override;
  duration thread_cpu() const override;

  /// Engine time is never below `floor` from now on: the time of the store's last commit.
  void not_before(instant floor) noexcept { engine_time_.at_least(floor); }
  /// The store's clock was set: all that wait look anew.
  void wall_was_set() { fire_all(); }

 private:
  real_clock(wall_source wall, unique_fd timer, unique_fd wall_set, unique_fd end);

  void run();
  void arm(); // with mutex_ held
  void fire_due();
  void fire_all();
  int wall_set_fd() const noexcept;

  wall_source wall_;
  unique_fd timer_;
  unique_fd wall_set_;
  unique_fd end_;
  mutable engine_time engine_time_;
  std::mutex mutex_; // of wakes_ and the setting of timer_
  wake_queue wakes_;
  std::thread thread_; // last: it uses all above
};

} // namespace skein
