#include "nodes/agents/launch.hpp"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <memory>

#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x00001000
#endif

namespace skein {

namespace {

constexpr std::size_t stack_bytes = 64 << 10; // of the child, until it executes
constexpr int exec_failed = 127;              // nobody sees it: the error number is reported

rlim_t soft_descriptor_limit() noexcept {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : RLIM_INFINITY;
}

/// What this process was started with. The node raises its own limit; a program that uses select()
/// breaks on descriptors beyond FD_SETSIZE, which the usual limit keeps it from getting.
const rlim_t first_descriptor_limit = soft_descriptor_limit();

/// What the child is given, and where it leaves the error number.
struct child_task {
  const launch_plan& plan;
  pid_t parent;
  unsigned int descriptors_max; // if the kernel cannot close a range
  int failed = 0;
};

/// A signal that we ignore would be ignored in the program, too.
void reset_signals() {
  struct sigaction usual {};
  usual.sa_handler = SIG_DFL;
  for (int number = 1; number <= SIGRTMAX; ++number)
    ::sigaction(number, &usual, nullptr); // SIGKILL and SIGSTOP refuse, and need none
}

bool tie_to(pid_t parent) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
    return false;
  errno = ESRCH;
  return ::getppid() == parent; // else it ended before the kernel knew
}

/// Should it fail, the program has a higher limit than it expects: no reason not to run it.
void restore_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur <= first_descriptor_limit)
    return;
  limit.rlim_cur = first_descriptor_limit;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

bool tell_guard(int guard) {
  const auto group = static_cast<std::int32_t>(::getpid());
  const auto told = ::send(guard, &group, sizeof group, MSG_NOSIGNAL | MSG_DONTWAIT);
  return told == sizeof group || errno == EPIPE || errno == ECONNRESET; // it is being replaced
}

bool close_others(unsigned int descriptors_max) {
  constexpr unsigned int first = STDERR_FILENO + 1;
  if (::syscall(SYS_close_range, first, ~0u, 0) == 0)
    return true;
  for (unsigned int fd = first; fd < descriptors_max; ++fd)
    ::close(static_cast<int>(fd));
  return true;
}

bool prepare(const child_task& task) {
  const launch_plan& plan = task.plan;
  reset_signals();
  if (plan.dies_with_us && !tie_to(task.parent))
    return false;
  if (::setpgid(0, 0) != 0)
    return false;
  if (plan.directory != nullptr && ::chdir(plan.directory) != 0)
    return false;
  if (::dup2(plan.input, STDIN_FILENO) < 0 || ::dup2(plan.output, STDOUT_FILENO) < 0 ||
      ::dup2(plan.errors, STDERR_FILENO) < 0)
    return false;
  if (plan.guard >= 0 && !tell_guard(plan.guard))
    return false;
  restore_descriptor_limit();
  return close_others(task.descriptors_max);
}

// Our memory is the child's until it executes, and we stand still. It allocates nothing and locks
// nothing; signals are blocked, so no handler of ours runs in it.
__attribute__((no_sanitize("address"))) int run_child(void* argument) {
  auto& task = *static_cast<child_task*>(argument);
  if (prepare(task)) {
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::execve(task.plan.path, task.plan.arguments, task.plan.environment);
  }
  task.failed = errno;
  return exec_failed;
}

unsigned int descriptor_limit() {
  constexpr rlim_t most = 1 << 16;
  return static_cast<unsigned int>(std::min(soft_descriptor_limit(), most));
}

} // namespace

int launch(const launch_plan& plan, launched& into) {
  const auto stack = std::make_unique_for_overwrite<std::byte[]>(stack_bytes);
  child_task task{plan, ::getpid(), descriptor_limit()};
  int pidfd = -1;
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  into.pid = ::clone(run_child, stack.get() + stack_bytes,
                     CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &task, &pidfd);
  const int number = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (into.pid < 0)
    return number;
  into.pidfd = unique_fd{pidfd};
  if (task.failed == 0)
    return 0;
  while (::waitpid(into.pid, nullptr, 0) < 0 && errno == EINTR) {}
  return task.failed;
}

} // namespace skein
