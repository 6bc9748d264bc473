// The world as actors see it: Clock, Store, Bus, Runner. Each has its real side in nodes/ and a
// simulated one in tests/sim/. No CAF here, so that nodes/ needs none.
//
// Every callback may be called on any thread and must only hand its argument over (a CAF message).
#pragma once

#include "journal/journal.hpp"
#include "protocol/frame.hpp"
#include "protocol/time.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace skein {

/// Time and timers. Actors never use CAF's.
class clock_port {
 public:
  virtual ~clock_port() = default;
  virtual moment now() const = 0;
  /// Calls `fire` once, at or after `at` by boot time, never earlier, and again when the wall clock was
  /// set (timers on wall instants are kept as boot time and must then be looked at anew).
  virtual void wake_at(boot_time at, std::function<void()> fire) = 0;
};

/// The journal, asynchronously. Replies to one caller's submits come in the order of the submits.
class store_port {
 public:
  virtual ~store_port() = default;

  /// The outcome of a whole submit: a receipt for exactly these operations, or the error for all.
  using committed = std::function<void(result<journal::commit_receipt>)>;
  virtual void submit(std::vector<journal::operation> batch, committed done) = 0;

  /// Anything that reads: runs on the store's reading thread, in order of arrival. Bounded by the
  /// callers' own limits on what they have in flight.
  virtual void read(std::function<void(journal::reader&)> work) = 0;
};

/// Frames to other parts, through the broker.
class bus_port {
 public:
  virtual ~bus_port() = default;
  /// false = not sent (the queue is full or the link is down): the caller keeps it and tries again.
  virtual bool send(slice frame) = 0;
};

/// Runs turns of one kind of agent in the outside world.
struct turn_start {
  turn_id turn;
  std::string agent;
  std::string name;  // 17-42.bot/1
  std::string token; // stable over attempts
  instant deadline = no_instant;
  bool has_state = false;
  slice state;
  slice body; // encoded event
};

enum class stop_stage : std::uint8_t { tell = 0, terminate = 1, kill = 2 };

/// What a runner reports. `emits` are events as the agent wrote them: the engine completes and checks them.
struct turn_report {
  turn_id turn;
  turn_verdict verdict = turn_verdict::done;
  errc code = errc::none;
  std::string error;
  duration retry_after{0};
  data_kind reply_kind = data_kind::none;
  std::string reply;
  bool sets_state = false;
  bool deletes_state = false;
  std::string state; // JSON text
  std::vector<event> emits;
};

class runner_port {
 public:
  virtual ~runner_port() = default;
  /// Exactly one report follows for each turn started, whatever happens to it.
  virtual void start(std::vector<turn_start> turns) = 0;
  /// Escalates: tell asks, terminate ends the process (group), kill forces. A turn that ends so is
  /// reported as `returned`.
  virtual void stop(turn_id turn, stop_stage stage) = 0;
};
/// Called by a runner with finished turns; any thread.
using report_sink = std::function<void(std::vector<turn_report>)>;

} // namespace skein
