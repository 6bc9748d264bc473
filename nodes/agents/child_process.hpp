// One running program on the reactor: its pipes without blocking, its end without zombies.
//
//   running --(leader ends)--> drained until the pipes close or the grace is over
//           --> the whole group is killed --> leader reaped --> on_end, the last call
//
// The leader is reaped last: until then its process group number cannot be given to strangers, so
// signals to the group reach nobody else. Reactor thread only.
#pragma once

#include "nodes/agents/exec_reactor.hpp"
#include "nodes/agents/spawn.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace skein {

/// How a program ended. Neither: nobody can tell (somebody else reaped it).
struct exit_status {
  int code = -1;
  int signal = 0;

  bool success() const noexcept { return code == 0; }
};
std::string to_string(exit_status status); // "exit status 2", "signal 11 (SIGSEGV)"

class child_process;

/// Its owner must not destroy it inside a call; at the end of a pass is fine.
class child_owner {
 public:
  /// From standard output; simdjson::SIMDJSON_PADDING bytes after the chunk may be read.
  virtual void on_output(child_process& child, std::string_view chunk) = 0;
  virtual void on_errors(child_process& child, std::string_view chunk) = 0;
  /// It reads or writes no more (a pipe is closed) but did not end. May be called twice.
  virtual void on_hangup(child_process& child) = 0;
  /// The kernel took some of what is sent.
  virtual void on_sent(child_process& child) = 0;
  /// Its pipe was full, and now it has taken all that was sent.
  virtual void on_room(child_process& child) = 0;
  virtual void on_end(child_process& child, exit_status status) = 0;

 protected:
  ~child_owner() = default;
};

class child_process final : io_handler {
 public:
  /// Errors as spawn_program.
  static result<std::unique_ptr<child_process>> start(exec_reactor& reactor, child_owner& owner,
                                                      const spawn_request& request);
  /// Kills the group and reaps without a word if it has not ended.
  ~child_process();

  /// Appends to what is to be written; flush() or readiness writes it.
  std::string& unsent_text() noexcept { return unsent_; }
  void flush();
  std::size_t unsent() const noexcept { return unsent_.size() - unsent_begin_; }
  /// Its standard input is open, and it has not ended.
  bool takes_input() const noexcept { return static_cast<bool>(input_); }
  /// Bytes ever handed to the kernel, and bytes ever appended.
  std::uint64_t sent_total() const noexcept { return sent_total_; }
  std::uint64_t appended_total() const noexcept { return sent_total_ + unsent(); }
  /// Of the bytes handed to the kernel, those that the program (or what it started) has read.
  std::uint64_t read_total() const noexcept;
  /// Forgets what the program has not taken, closes its standard input.
  void close_input();
  /// Closes its standard input once all is written.
  void end_input();

  void signal_group(int number);
  /// For one that even SIGKILL does not end (it hangs in the kernel): kills and does not wait.
  void abandon();
  int pid() const noexcept { return pid_; }
  /// The end of its standard error, for error texts; printable.
  std::string last_words() const;

 private:
  child_process(exec_reactor& reactor, child_owner& owner, spawned_program program);
  bool watch_all();
  void on_io(io_channel channel, std::uint32_t events) override;
  bool read_some(io_channel channel); // false: nothing to read now
  void close_channel(io_channel channel);
  void on_leader_end();
  void finish();
  exit_status reap();

  exec_reactor& reactor_;
  child_owner& owner_;
  int pid_;
  unique_fd pidfd_;
  unique_fd input_;
  unique_fd output_;
  unique_fd errors_;
  exec_reactor::watch_id watches_[4] = {}; // by io_channel
  std::string unsent_;
  std::size_t unsent_begin_ = 0; // bytes of unsent_ that the kernel has
  std::uint64_t sent_total_ = 0;
  std::uint64_t left_unread_ = 0; // in the pipe when it was closed
  bool end_input_wanted_ = false;
  bool waits_for_room_ = false; // EPOLLOUT is asked for
  bool leader_ended_ = false;
  bool reaped_ = false;
  std::string words_;
  reactor_timer drain_timer_;
};

} // namespace skein
