// The Runner of one `exec` agent: programs in any language. All of a node's share one exec_reactor,
// so one thread looks after all programs.
//
//   lines    long-lived programs; turns and answers are lines (turn_line.hpp)
//   oneshot  a program a turn: data on standard input, the reply on standard output
//   (oneshot_agent.hpp)
//
// Stopping a turn: `tell` is a cancel line (lines) or SIGINT to the group (oneshot); `terminate`
// and `kill` are SIGTERM and SIGKILL to the program's group, its children too. In mode lines they
// end the program of that turn: its other turns are reported as returned, those it has not read yet
// run elsewhere. A program that survives SIGTERM is killed after limits::terminate_grace even if
// nobody asks. A turn is reported only when its program is known to be gone or has answered.
#pragma once

#include "actors/ports.hpp"
#include "actors/settings.hpp"
#include "nodes/agents/exec_agent.hpp"
#include "nodes/agents/exec_log.hpp"
#include "nodes/agents/exec_reactor.hpp"

#include <functional>
#include <memory>
#include <vector>

namespace skein {

class exec_runner final : public runner_port {
 public:
  /// `sink` and `log` are called on the reactor's thread, `clock` is the wall clock that
  /// deadlines are told by. All may be called until the destructor returns.
  exec_runner(std::shared_ptr<exec_reactor> reactor, agent_settings settings, runner_sink sink,
              exec_log log, std::function<instant()> clock, exec_timing timing = {});
  /// close(), and waits for it: at most both graces and 2 s. Not on the reactor's thread.
  ~exec_runner() override;

  void start(std::vector<turn_start> turns) override;
  void stop(turn_id turn, stop_stage stage) override;
  /// The node drains: turns for which no program can be started are returned at once.
  void drain();
  /// Begins the end and returns: queued turns are returned; programs see the end of their input,
  /// have close_grace to finish, then SIGTERM, then SIGKILL; SIGKILL in any case after `patience`.
  void close(duration patience = duration::max());

 private:
  std::shared_ptr<exec_reactor> reactor_;
  std::unique_ptr<exec_agent> agent_; // used and destroyed on the reactor's thread
};

} // namespace skein
