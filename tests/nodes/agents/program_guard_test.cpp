// Goal: nothing that a program has started outlives its node. Method: real processes; a closed
// socket stands for a killed node.
#include "exec_fixture.hpp"

#include "nodes/agents/launch.hpp"
#include "nodes/agents/program_guard.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <csignal>
#include <fstream>

using namespace skein;
using namespace skein::test;

namespace {

/// A guard, and this end of its socket.
struct guard_at_work {
  guard_at_work() {
    int ends[2] = {-1, -1};
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
    socket = unique_fd{ends[0]};
    const unique_fd theirs{ends[1]};
    const unique_fd nowhere{::open("/dev/null", O_RDWR | O_CLOEXEC)};
    char path[] = GUARD_PROCESS;
    char* const arguments[] = {path, nullptr};
    launch_plan plan;
    plan.path = path;
    plan.arguments = arguments;
    plan.environment = environ;
    plan.input = theirs.get();
    plan.output = plan.errors = nowhere.get();
    REQUIRE(launch(plan, process) == 0);
  }
  int wait() {
    int status = -1;
    REQUIRE(::waitpid(process.pid, &status, 0) == process.pid);
    return status;
  }

  unique_fd socket;
  launched process;
};

/// A shell in a group of its own, with a child that it waits for; the guard knows the group.
struct family {
  explicit family(int guard) {
    int ends[2] = {-1, -1};
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    const unique_fd reads{ends[0]};
    const unique_fd writes{ends[1]};
    const unique_fd nowhere{::open("/dev/null", O_RDWR | O_CLOEXEC)};
    char path[] = "/bin/sh";
    char option[] = "-c";
    char script[] = "sleep 1000 & echo $!; wait";
    char* const arguments[] = {path, option, script, nullptr};
    launch_plan plan;
    plan.path = path;
    plan.arguments = arguments;
    plan.environment = environ;
    plan.input = plan.errors = nowhere.get();
    plan.output = writes.get();
    plan.guard = guard;
    REQUIRE(launch(plan, shell) == 0);
    char text[32] = {};
    REQUIRE(::read(reads.get(), text, sizeof text - 1) > 0);
    child = std::atoi(text);
  }

  launched shell;
  int child = 0;
};

bool runs(int pid) { return ::kill(pid, 0) == 0; }

/// A process whose parent is this one; 0 if there is none.
int a_child() {
  DIR* const listing = ::opendir("/proc");
  int found = 0;
  while (const dirent* entry = ::readdir(listing)) {
    std::ifstream file{"/proc/" + std::string{entry->d_name} + "/stat"};
    std::string text;
    std::getline(file, text);
    int parent = 0;
    if (const auto end = text.rfind(") "); end != std::string::npos)
      parent = std::atoi(text.c_str() + end + 4); // after the state
    if (parent == ::getpid())
      found = std::atoi(entry->d_name);
  }
  ::closedir(listing);
  return found;
}

} // namespace

TEST_CASE("the guard kills the groups it knows when its node is gone, children of programs too") {
  guard_at_work guard;
  const family first{guard.socket.get()};
  const family second{guard.socket.get()};
  CHECK(runs(first.child));
  guard.socket.reset();
  for (const family* each : {&first, &second}) {
    CHECK(process_ends(each->child));
    int status = 0;
    CHECK(::waitpid(each->shell.pid, &status, 0) == each->shell.pid);
    CHECK(WTERMSIG(status) == SIGKILL);
  }
  CHECK(guard.wait() == 0);
}

TEST_CASE("the guard leaves groups alone that it was told to forget") {
  guard_at_work guard;
  const family over{guard.socket.get()};
  const std::int32_t forget = -over.shell.pid;
  REQUIRE(::send(guard.socket.get(), &forget, sizeof forget, 0) == sizeof forget);
  guard.socket.reset();
  CHECK(guard.wait() == 0); // by now it has killed all that it would
  CHECK(runs(over.child));
  ::kill(-over.shell.pid, SIGKILL);
  ::waitpid(over.shell.pid, nullptr, 0);
}

TEST_CASE("signals that are meant for the node do not end the guard") {
  guard_at_work guard;
  const family one{guard.socket.get()}; // so that the guard is known to have read something
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    // Not before it is ready: what it ignores is in /proc.
    const std::string path = "/proc/" + std::to_string(guard.process.pid) + "/status";
    const auto ignores = [&] {
      std::ifstream file{path};
      for (std::string line; std::getline(file, line);)
        if (line.starts_with("SigIgn:"))
          return (std::stoull(line.substr(8), nullptr, 16) >> (number - 1) & 1) == 1;
      return false;
    };
    const auto give_up = std::chrono::steady_clock::now() + patience;
    while (!ignores() && std::chrono::steady_clock::now() < give_up)
      ::sched_yield();
    ::kill(guard.process.pid, number);
  }
  CHECK(runs(one.child));
  guard.socket.reset();
  CHECK(guard.wait() == 0);
  CHECK(process_ends(one.child));
  ::waitpid(one.shell.pid, nullptr, 0);
}

TEST_CASE("a guard that is lost is replaced, and the next one ends with the reactor, too") {
  std::mutex mutex;
  std::condition_variable changed;
  bool lost = false;
  auto reactor = exec_reactor::open(
      {{GUARD_PROCESS},
       [&](exec_log_level, std::string_view id, std::string_view, std::string_view) {
         const std::lock_guard lock{mutex};
         lost = lost || id == "program-guard-lost";
         changed.notify_all();
       }});
  REQUIRE(reactor.ok());
  const int first = a_child();
  REQUIRE(first > 0);
  SECTION("killed") { ::kill(first, SIGKILL); }
  SECTION("it stands still and hears of no group's end") {
    ::kill(first, SIGSTOP);
    (*reactor)->post([of = reactor->get()] {
      for (int told = 0; told < 10'000; ++told)
        of->guard()->forget(1 << 29); // the number of no group
    });
  }
  {
    std::unique_lock lock{mutex};
    REQUIRE(changed.wait_for(lock, patience, [&] { return lost; }));
  }
  reactor->reset();
  CHECK_FALSE(has_children());
}
