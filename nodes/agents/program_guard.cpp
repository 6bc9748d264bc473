#include "nodes/agents/program_guard.hpp"

#include "nodes/agents/launch.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

namespace skein {

namespace {

constexpr std::chrono::seconds start_again{1};
constexpr int end_wait_ms = 2'000;         // for a guard that hears no more
constexpr std::size_t numbers_max = 1'024; // of one message

bool is_guard_socket(int fd) {
  int type = 0;
  socklen_t size = sizeof type;
  return ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

} // namespace

// ---- the guard --------------------------------------------------------------------------------

int guard_programs() {
  if (!is_guard_socket(STDIN_FILENO)) {
    std::fputs("error: a node starts this by itself; see: skein help\n", stderr);
    return 2;
  }
  // It ends with its node and not with a signal that is meant for the node or for everybody.
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT})
    std::signal(number, SIG_IGN);
  std::set<pid_t> groups;
  std::array<std::int32_t, numbers_max> numbers{};
  for (;;) {
    const auto got = ::recv(STDIN_FILENO, numbers.data(), sizeof numbers, 0);
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      break;
    for (std::size_t i = 0; i < static_cast<std::size_t>(got) / sizeof(std::int32_t); ++i)
      if (numbers[i] > 0)
        groups.insert(numbers[i]);
      else
        groups.erase(-numbers[i]);
  }
  for (const pid_t group : groups)
    ::kill(-group, SIGKILL);
  return 0;
}

// ---- the node's side --------------------------------------------------------------------------

program_guard::program_guard(exec_reactor& reactor, guard_setup setup)
  : reactor_{reactor}, setup_{std::move(setup)}, again_{reactor, [this] { start(); }} {
  start();
}

program_guard::~program_guard() {
  socket_.reset();
  reactor_.unwatch(watch_);
  if (!pidfd_)
    return;
  pollfd ended{pidfd_.get(), POLLIN, 0};
  if (::poll(&ended, 1, end_wait_ms) != 1)
    ::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
  reap();
}

void program_guard::start() {
  if (setup_.command.empty())
    return;
  if (!start_process()) {
    const int number = errno;
    if (setup_.log)
      setup_.log(exec_log_level::warning, "program-guard-failed",
                 "no process watches over the programs of this node (" +
                     std::string{std::strerror(number)} +
                     "): what they start may stay behind if the node is killed; tried again in 1s",
                 {});
    again_.arm(reactor_.now() + start_again);
    return;
  }
  std::vector<std::int32_t> numbers;
  for (const pid_t group : groups_) {
    numbers.push_back(group);
    if (numbers.size() == numbers_max)
      tell(std::exchange(numbers, {}));
  }
  if (!numbers.empty())
    tell(numbers);
}

/// false with errno set.
bool program_guard::start_process() {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return false;
  unique_fd ours{ends[0]};
  unique_fd theirs{::fcntl(ends[1], F_DUPFD_CLOEXEC, STDERR_FILENO + 1)};
  ::close(ends[1]);
  unique_fd nowhere{::open("/dev/null", O_RDWR | O_CLOEXEC)};
  unique_fd silent{::fcntl(nowhere.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1)};
  if (!theirs || !silent)
    return false;
  std::vector<char*> arguments;
  for (std::string& each : setup_.command)
    arguments.push_back(each.data());
  arguments.push_back(nullptr);
  launch_plan plan;
  plan.path = setup_.command[0].c_str();
  plan.arguments = arguments.data();
  plan.environment = environ;
  plan.input = theirs.get();
  plan.output = plan.errors = silent.get();
  plan.dies_with_us = false;
  launched made;
  if (const int failed = launch(plan, made); failed != 0) {
    errno = failed;
    return false;
  }
  socket_ = std::move(ours);
  pidfd_ = std::move(made.pidfd);
  watch_ = reactor_.watch(pidfd_.get(), EPOLLIN, io_channel::exit, *this);
  started_at_ = reactor_.now();
  return true;
}

void program_guard::on_io(io_channel, std::uint32_t) {
  reactor_.unwatch(std::exchange(watch_, 0));
  reap();
  if (setup_.log)
    setup_.log(exec_log_level::warning, "program-guard-lost",
               "the process that watches over the programs of this node ended; another one is "
               "started",
               {});
  if (reactor_.now() - started_at_ >= start_again)
    start();
  else // one that ends at once
    again_.arm(started_at_ + start_again);
}

void program_guard::forget(pid_t group) {
  groups_.erase(group);
  if (socket_)
    tell({-group});
}

/// A guard that is gone or does not listen is replaced, and the next one is told everything: one
/// that misses a group's end would kill whoever has that number by then.
void program_guard::tell(const std::vector<std::int32_t>& numbers) const {
  const auto sent = ::send(socket_.get(), numbers.data(), numbers.size() * sizeof numbers[0],
                           MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS))
    ::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0); // on_io() starts another
}

void program_guard::reap() {
  siginfo_t about{};
  while (::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &about, WEXITED) != 0 &&
         errno == EINTR) {}
  pidfd_.reset();
  socket_.reset();
}

} // namespace skein
