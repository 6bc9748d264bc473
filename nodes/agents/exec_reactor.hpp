// The one thread that looks after the programs of all exec agents of a node: epoll over their pipes
// and pidfds, timers, and tasks from other threads. No SIGCHLD handler and no other wait for
// children: whoever else waits for any child (waitpid(-1)) in this process breaks it.
//
// One pass: wait, the ready descriptors (standard error before standard output, so that a line
// logged during a turn is seen before its answer), the tasks, the due timers, the end of the pass
// for those who asked. Everything but open(), post() and the destructor is for the reactor's thread
// only.
#pragma once

#include "protocol/result.hpp"
#include "protocol/time.hpp"
#include "protocol/unique_fd.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <unordered_map>
#include <vector>

struct epoll_event;

namespace skein {

/// Which descriptor of a program is ready.
enum class io_channel : std::uint8_t { errors = 0, output = 1, input = 2, exit = 3 };

class io_handler {
 public:
  virtual void on_io(io_channel channel, std::uint32_t events) = 0;

 protected:
  ~io_handler() = default;
};

class pass_handler {
 public:
  virtual void on_end_of_pass() = 0;

 protected:
  ~pass_handler() = default;
};

class reactor_timer;
class program_guard;
struct guard_setup;

class exec_reactor {
 public:
  /// Starts the thread, and the guard that ends the programs if the node is killed. Fails when the
  /// system gives no thread or descriptors.
  static result<std::unique_ptr<exec_reactor>> open(guard_setup guard);
  /// Nobody may use it any more: all handlers and timers are gone.
  ~exec_reactor();
  exec_reactor(const exec_reactor&) = delete;
  exec_reactor& operator=(const exec_reactor&) = delete;

  /// Runs `task` on the reactor's thread, in order of the calls. Any thread.
  void post(std::function<void()> task);
  bool on_own_thread() const noexcept;

  /// Null before the start and after the end.
  program_guard* guard() noexcept { return guard_.get(); }

  /// Boot time at the start of this pass.
  boot_time now() const noexcept { return now_; }

  using watch_id = std::uint64_t; // 0 = none
  /// 0 when the kernel refuses (out of memory or watches).
  watch_id watch(int fd, std::uint32_t events, io_channel channel, io_handler& handler);
  void change(watch_id watch, std::uint32_t events);
  /// The handler is not called for it again, not even in this pass.
  void unwatch(watch_id watch);

  /// Calls on_end_of_pass() once: in this pass, or in the next if asked for while it ends.
  void ask_end_of_pass(pass_handler& handler);
  void forget(pass_handler& handler);

  /// Room for one read of program_read_bytes, with what a JSON parser may read beyond it.
  std::span<char> read_buffer() noexcept { return buffer_; }

 private:
  friend class reactor_timer;
  using timer_map = std::multimap<boot_time, reactor_timer*>;
  struct watched {
    int fd;
    io_channel channel;
    io_handler* handler;
  };

  exec_reactor(unique_fd epoll, unique_fd wake);
  void run();
  int wait_milliseconds() const;
  void handle(std::span<const epoll_event> events);
  void run_tasks();
  void fire_timers();
  void end_pass();

  unique_fd epoll_;
  unique_fd wake_; // eventfd: tasks_ is not empty
  std::vector<char> buffer_;
  boot_time now_{};
  watch_id last_watch_ = 0;
  std::unordered_map<watch_id, watched> watched_;
  timer_map timers_;
  std::vector<pass_handler*> pass_asked_;
  std::vector<pass_handler*> pass_ending_;
  std::unique_ptr<program_guard> guard_;
  bool stopping_ = false;

  std::mutex tasks_mutex_;
  std::vector<std::function<void()>>
      tasks_; // under tasks_mutex_; bounded by what its callers start

  std::thread thread_; // last: it uses all of the above
};

/// One-shot; armed again, the earlier time is forgotten.
class reactor_timer {
 public:
  reactor_timer(exec_reactor& reactor, std::function<void()> fire);
  ~reactor_timer();
  reactor_timer(const reactor_timer&) = delete;
  reactor_timer& operator=(const reactor_timer&) = delete;

  void arm(boot_time at);
  void disarm();

 private:
  friend class exec_reactor;
  exec_reactor& reactor_;
  std::function<void()> fire_;
  std::optional<exec_reactor::timer_map::iterator> armed_;
};

} // namespace skein
