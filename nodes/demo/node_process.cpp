#include "nodes/demo/node_process.hpp"

#include "nodes/agents/launch.hpp"

#include <fcntl.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <utility>
#include <vector>

extern char** environ;

namespace skein::demo {

namespace {

/// As the banner has it, before the port.
constexpr std::string_view where_it_listens = "http://127.0.0.1:";

error failed(const std::string& node, int number) {
  return {errc::io_error, "node " + node + " cannot be started: " + std::strerror(number) +
                              "; see whether this user may have more processes and files"};
}

/// Above those of the standard streams, where a child may have it.
unique_fd raised(unique_fd fd) {
  return fd.get() > STDERR_FILENO
             ? std::move(fd)
             : unique_fd{::fcntl(fd.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1)};
}

} // namespace

result<node_process> node_process::start(const setting& of) {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return failed(of.node, errno);
  unique_fd words{ends[0]};
  const unique_fd output = raised(unique_fd{ends[1]});
  ::fcntl(words.get(), F_SETFL, O_NONBLOCK);
  const unique_fd input = raised(unique_fd{::open("/dev/null", O_RDONLY | O_CLOEXEC)});
  const unique_fd errors =
      raised(unique_fd{::open(of.log.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600)});
  if (!output || !input || !errors)
    return failed(of.node, errno);
  std::vector<std::string> texts{of.program, "start", "--config", of.config,
                                 "--node",   of.node, "--port",   std::to_string(of.port)};
  std::vector<char*> arguments;
  for (std::string& each : texts)
    arguments.push_back(each.data());
  arguments.push_back(nullptr);
  launch_plan plan;
  plan.path = of.program.c_str();
  plan.arguments = arguments.data();
  plan.environment = environ;
  plan.input = input.get();
  plan.output = output.get();
  plan.errors = errors.get();
  launched made;
  if (const int problem = launch(plan, made); problem != 0)
    return failed(of.node, problem);
  return node_process{made.pid, std::move(made.pidfd), std::move(words)};
}

node_process& node_process::operator=(node_process&& other) noexcept {
  if (this == &other)
    return *this;
  kill();
  pid_ = std::exchange(other.pid_, -1);
  pidfd_ = std::move(other.pidfd_);
  words_ = std::move(other.words_);
  said_ = std::move(other.said_);
  status_ = other.status_;
  return *this;
}

node_process::~node_process() { kill(); }

std::optional<std::uint16_t> node_process::ready_port() {
  std::array<char, 1024> buffer{};
  for (ssize_t got = 0; (got = ::read(words_.get(), buffer.data(), buffer.size())) > 0;)
    said_.append(buffer.data(), static_cast<std::size_t>(got));
  const auto at = said_.find(where_it_listens);
  if (at == said_.npos || said_.find('\n', at) == said_.npos)
    return std::nullopt;
  std::uint16_t port = 0;
  const char* const from = said_.data() + at + where_it_listens.size();
  std::from_chars(from, said_.data() + said_.size(), port);
  return port;
}

std::optional<int> node_process::ended() {
  int status = 0;
  if (!status_ && pidfd_ && ::waitpid(pid_, &status, WNOHANG) == pid_)
    status_ = status;
  return status_;
}

void node_process::signal(int number) const {
  if (pidfd_ && !status_)
    ::kill(pid_, number);
}

void node_process::kill() {
  if (!pidfd_ || status_)
    return;
  ::kill(pid_, SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR)
    ;
  status_ = status;
}

std::string describe_end(int wait_status) {
  return WIFSIGNALED(wait_status) ? "signal " + std::to_string(WTERMSIG(wait_status))
                                  : "exit code " + std::to_string(WEXITSTATUS(wait_status));
}

} // namespace skein::demo
