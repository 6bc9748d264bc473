// Programs do not outlive their node. A program itself is tied to the thread that started it, and
// the kernel kills it when the node is gone (launch.hpp); what a program has started is not. So
// each node with programs has a second process, the guard, that knows their process groups and
// kills them when the node's end of the socket between them closes, however the node ended.
//
//   node ---- SOCK_SEQPACKET: numbers of groups, negative when a group is over ----> guard
//
// A program is told of by its own child process before it executes: there is no moment at which it
// runs and the guard does not know. It is forgotten before its leader is reaped, so the guard never
// holds a number that could be given to strangers while the node lives.
#pragma once

#include "nodes/agents/exec_log.hpp"
#include "nodes/agents/exec_reactor.hpp"
#include "protocol/unique_fd.hpp"

#include <sys/types.h>

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace skein {

/// The word with which the composition root's own program is the guard.
inline constexpr std::string_view guard_command = "guard-programs";

/// The guard's whole life; its standard input is the socket. Returns the exit status.
int guard_programs();

/// How to start the guard: a program that calls guard_programs(). Empty: none is started.
struct guard_setup {
  std::vector<std::string> command; // [0] is a path
  exec_log log;
};

/// The node's side; of the reactor's thread, or of whoever builds the reactor.
class program_guard final : io_handler {
 public:
  program_guard(exec_reactor& reactor, guard_setup setup);
  /// The guard ends by itself when it hears no more; waits for that.
  ~program_guard();
  program_guard(const program_guard&) = delete;
  program_guard& operator=(const program_guard&) = delete;

  /// For launch_plan::guard; -1 while there is none.
  int descriptor() const noexcept { return socket_.get(); }
  /// Its child process has told the guard; after this a new guard is told, too.
  void remember(pid_t group) { groups_.insert(group); }
  /// Before the leader is reaped.
  void forget(pid_t group);

 private:
  void on_io(io_channel channel, std::uint32_t events) override;
  void start();
  bool start_process();
  void tell(const std::vector<std::int32_t>& numbers) const;
  void reap();

  exec_reactor& reactor_;
  guard_setup setup_;
  unique_fd socket_;
  unique_fd pidfd_;
  exec_reactor::watch_id watch_ = 0;
  std::set<pid_t> groups_; // alive, as far as we know
  boot_time started_at_{};
  reactor_timer again_; // after a start that failed, or a guard that ended at once
};

} // namespace skein
