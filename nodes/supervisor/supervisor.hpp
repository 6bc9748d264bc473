// Whoever started the process and watches over it, such as systemd: it is told what the node is
// about by datagrams to the socket that NOTIFY_SOCKET names, as sd_notify(3) describes them. Where
// the variable is not set there is nobody, and nothing is sent.
#pragma once

#include "nodes/logging/log.hpp"
#include "protocol/time.hpp"

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace skein {

/// What the environment says of a supervisor.
struct supervision {
  std::string socket;   // a path, or an abstract name behind '@'; empty: there is none
  duration patience{0}; // it ends a process that it has not heard for so long; 0: it does not
};

/// Variables as getenv gives them; WATCHDOG_USEC counts only if WATCHDOG_PID is this process.
supervision
read_supervision(const std::function<std::optional<std::string>(const char* name)>& variable,
                 std::int64_t process);
/// Of this process.
supervision read_supervision();

class supervisor {
 public:
  supervisor(supervision of, log_function log);
  ~supervisor();
  supervisor(const supervisor&) = delete;
  supervisor& operator=(const supervisor&) = delete;

  duration patience() const { return of_.patience; }

  /// The node serves; `status` is a line for people.
  void ready(std::string_view status);
  /// The node takes over another configuration: begins, and then serves as before. Any thread.
  void reloading(bool begins);
  /// The node has begun to end, and will need no longer than this. Only the first call is sent.
  void stopping(duration at_most);
  /// The node works.
  void alive();

 private:
  void tell(const std::string& lines);

  supervision of_;
  log_function log_;
  int socket_ = -1;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> unheard_ = false; // which was told
};

} // namespace skein
