// A program that an agent runs, and the steps in which it is made to end. Both modes build on it.
//
//   running --end()--> ending (standard input closed) --close_grace--> terminating --> killed
//           --hang_up()--> ending, killed after the hang-up grace
//           --terminate()--> terminating (SIGTERM) --terminate_grace--> killed (SIGKILL)
//
// All signals go to the process group. Reactor thread only.
#pragma once

#include "nodes/agents/child_process.hpp"
#include "nodes/agents/exec_log.hpp"
#include "nodes/agents/turn_line.hpp"
#include "protocol/limits.hpp"

#include <memory>
#include <string_view>

namespace skein {

/// How long an agent waits for what. Tests shorten it.
struct exec_timing {
  duration close_grace = limits::cancel_grace; // input closed -> terminated, when the node stops
  duration terminate_grace = limits::terminate_grace; // terminated -> killed
  duration program_wait =
      limits::program_restart_max; // of a turn for a program, then it is given back
};

/// How an agent's programs are ended when the node stops.
enum class close_manner : std::uint8_t { orderly, at_once };

enum class program_step : std::uint8_t { running, ending, terminating, killed };

class program : public child_owner {
 public:
  program(exec_reactor& reactor, const exec_timing& timing, agent_log& log);
  virtual ~program() = default;
  program(const program&) = delete;
  program& operator=(const program&) = delete;

  /// Errors as spawn_program.
  result<void> start(const spawn_request& request);

  /// The orderly end: its input is closed, then each step after its grace.
  void end();
  /// A pipe is closed but it runs on: it has the hang-up grace to end.
  void hang_up();
  void terminate();
  void kill();
  /// For one that survives SIGKILL when the node stops.
  void abandon();

  bool running() const noexcept { return step_ == program_step::running && !gone_; }
  program_step step() const noexcept { return step_; }
  bool gone() const noexcept { return gone_; } // may be destroyed at the end of the pass
  boot_time started_at() const noexcept { return started_at_; }
  int pid() const noexcept { return child_->pid(); }
  std::string last_words() const { return child_->last_words(); }

 protected:
  child_process& child() noexcept { return *child_; }
  const child_process& child() const noexcept { return *child_; }
  exec_reactor& reactor() noexcept { return reactor_; }
  agent_log& log() noexcept { return log_; }

  /// The name for its log lines: the only turn it has, else empty.
  virtual std::string_view only_turn() const = 0;
  /// The kernel took more of what is sent.
  virtual void on_progress() {}
  /// It ended; all its output was seen.
  virtual void on_gone(exit_status status) = 0;

 private:
  void on_errors(child_process& child, std::string_view chunk) final;
  void on_hangup(child_process&) override { hang_up(); }
  void on_room(child_process&) override {}
  void on_sent(child_process&) final { on_progress(); }
  void on_end(child_process& child, exit_status status) final;
  void log_line(std::string_view line);
  void escalate();

  exec_reactor& reactor_;
  const exec_timing& timing_;
  agent_log& log_;
  std::unique_ptr<child_process> child_;
  reactor_timer timer_; // for the next step
  log_line_splitter log_lines_;
  boot_time started_at_{};
  program_step step_ = program_step::running;
  bool hung_up_ = false;
  bool gone_ = false;
};

} // namespace skein
