// A node as a child process: its start, the address that it tells, signals, its end. It is in a
// process group of its own, so that Ctrl-C is for the demo alone, and the kernel kills it when the
// demo is gone, however that went. All of it on one thread, which lives as long as the demo.
#pragma once

#include "protocol/result.hpp"
#include "protocol/unique_fd.hpp"

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

namespace skein::demo {

class node_process {
 public:
  struct setting {
    std::string program; // this binary
    std::string config;
    std::string node;
    std::uint16_t port = 0; // of HTTP; 0: the system chooses
    std::string log;        // its standard error goes to the end of this file
  };

  /// io_error: no process could be made.
  static result<node_process> start(const setting& of);
  node_process(node_process&&) noexcept = default;
  node_process& operator=(node_process&& other) noexcept;
  ~node_process();

  pid_t pid() const noexcept { return pid_; }
  /// Readable when it has ended.
  int ended_fd() const noexcept { return pidfd_.get(); }
  /// Readable when it says something: where it listens, when it is ready.
  int words_fd() const noexcept { return words_.get(); }

  /// The port of its HTTP API once it serves; looks without waiting.
  std::optional<std::uint16_t> ready_port();
  /// Its wait status if it has ended; looks without waiting.
  std::optional<int> ended();
  void signal(int number) const;
  /// SIGKILL, and its end.
  void kill();

 private:
  node_process(pid_t pid, unique_fd pidfd, unique_fd words)
    : pid_{pid}, pidfd_{std::move(pidfd)}, words_{std::move(words)} {}

  pid_t pid_ = -1;
  unique_fd pidfd_;
  unique_fd words_;
  std::string said_;
  std::optional<int> status_; // once it has ended
};

/// "exit code 74", "signal 9".
std::string describe_end(int wait_status);

} // namespace skein::demo
