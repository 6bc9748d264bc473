#include "nodes/agents/spawn.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

namespace skein {

namespace {

constexpr std::string_view default_path = "/usr/local/bin:/usr/bin:/bin";

std::string_view value_of(const environment_list& environment, std::string_view name) {
  const auto found = std::find_if(environment.rbegin(), environment.rend(),
                                  [&](const auto& entry) { return entry.first == name; });
  return found == environment.rend() ? std::string_view{} : std::string_view{found->second};
}

bool is_file(const std::string& path) {
  struct stat about {};
  return ::stat(path.c_str(), &about) == 0 && S_ISREG(about.st_mode);
}

bool is_directory(const std::string& path) {
  struct stat about {};
  return ::stat(path.c_str(), &about) == 0 && S_ISDIR(about.st_mode);
}

struct pipe_pair {
  unique_fd read;
  unique_fd write;
};

// Both ends close on exec; `ours` does not block.
result<pipe_pair> open_pipe(bool ours_writes) {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return error{errc::agent_crashed,
                 std::string{"no pipe for a program: "} + std::strerror(errno) +
                     "; raise the limit of open files or lower the agent's processes"};
  pipe_pair pair{unique_fd{ends[0]}, unique_fd{ends[1]}};
  const int ours = ours_writes ? pair.write.get() : pair.read.get();
  if (::fcntl(ours, F_SETFL, O_NONBLOCK) != 0)
    return error{errc::agent_crashed, std::string{"pipe: "} + std::strerror(errno)};
  return pair;
}

std::string advice(int number, const std::string& path, const std::string& directory) {
  switch (number) {
    case ENOENT:
      if (!directory.empty() && !is_directory(directory))
        return "the directory " + directory + " does not exist; create it or change `directory`";
      return "its interpreter (the #! line) or loader does not exist; install it";
    case EACCES:
      if (!directory.empty() && ::access(directory.c_str(), X_OK) != 0)
        return "the directory " + directory + " may not be entered by this user";
      return "not executable by this user; try: chmod +x " + path;
    case ENOEXEC:
      return "not a program; a script needs a #! line";
    case E2BIG:
      return "the command line and environment are too long";
    case EAGAIN:
      return "too many processes; raise the limit or lower the agent's processes";
    case ENOMEM:
      return "out of memory";
    case ENOTDIR:
      return "the directory " + directory + " is not a directory";
    default:
      return std::strerror(number);
  }
}

// posix_spawn's two option objects, released on every path.
class spawn_options {
 public:
  spawn_options() {
    ::posix_spawnattr_init(&attributes);
    ::posix_spawn_file_actions_init(&actions);
  }
  ~spawn_options() {
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&actions);
  }
  spawn_options(const spawn_options&) = delete;
  spawn_options& operator=(const spawn_options&) = delete;

  posix_spawnattr_t attributes;
  posix_spawn_file_actions_t actions;
};

// 0 or an error number.
int configure(spawn_options& options, const std::string& directory, int in, int out, int err) {
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  int failed = ::posix_spawnattr_setflags(
      &options.attributes,
      static_cast<short>(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF));
  const auto step = [&failed](int next) { failed = failed != 0 ? failed : next; };
  step(::posix_spawnattr_setpgroup(&options.attributes, 0));
  step(::posix_spawnattr_setsigmask(&options.attributes, &none));
  step(::posix_spawnattr_setsigdefault(&options.attributes, &all));
  step(::posix_spawn_file_actions_adddup2(&options.actions, in, STDIN_FILENO));
  step(::posix_spawn_file_actions_adddup2(&options.actions, out, STDOUT_FILENO));
  step(::posix_spawn_file_actions_adddup2(&options.actions, err, STDERR_FILENO));
  // Descriptors that some library opened without close-on-exec.
  step(::posix_spawn_file_actions_addclosefrom_np(&options.actions, STDERR_FILENO + 1));
  if (!directory.empty())
    step(::posix_spawn_file_actions_addchdir_np(&options.actions, directory.c_str()));
  return failed;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  list.reserve(texts.size() + 1);
  for (std::string& text : texts)
    list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

std::vector<std::string> joined(const environment_list& environment) {
  std::vector<std::string> texts;
  texts.reserve(environment.size());
  for (std::size_t i = 0; i < environment.size(); ++i) {
    const std::string& name = environment[i].first;
    const auto again =
        std::any_of(environment.begin() + static_cast<std::ptrdiff_t>(i) + 1, environment.end(),
                    [&](const auto& later) { return later.first == name; });
    if (!again)
      texts.push_back(name + "=" + environment[i].second);
  }
  return texts;
}

// Descriptors 0-2 might be free in this process; a pipe there would be overwritten by the dup2s.
result<unique_fd> above_standard(unique_fd fd) {
  if (fd.get() > STDERR_FILENO)
    return fd;
  unique_fd moved{::fcntl(fd.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1)};
  if (!moved)
    return error{errc::agent_crashed, std::string{"pipe: "} + std::strerror(errno)};
  return moved;
}

} // namespace

environment_list base_environment(const environment_list& added) {
  environment_list environment;
  const auto inherit = [&](const char* name, std::string_view otherwise) {
    const char* value = std::getenv(name);
    if (value != nullptr)
      environment.emplace_back(name, value);
    else if (!otherwise.empty())
      environment.emplace_back(name, otherwise);
  };
  inherit("PATH", default_path);
  inherit("HOME", "/");
  inherit("LANG", "C.UTF-8");
  inherit("TZ", {});
  environment.insert(environment.end(), added.begin(), added.end());
  return environment;
}

result<std::string> find_program(const std::string& command, const std::string& directory,
                                 const environment_list& environment) {
  if (command.empty())
    return error{errc::agent_crashed, "the agent's command is empty"};
  if (command.find('/') != std::string::npos) {
    const bool relative = command.front() != '/' && !directory.empty();
    const std::string path = relative ? directory + "/" + command : command;
    if (!is_file(path) && (directory.empty() || is_directory(directory)))
      return error{errc::agent_crashed, "there is no program " + path};
    return command;
  }
  const std::string_view search = value_of(environment, "PATH");
  for (std::size_t at = 0; at <= search.size();) {
    const std::size_t end = std::min(search.find(':', at), search.size());
    const std::string path = std::string{search.substr(at, end - at)} + "/" + command;
    if (path.front() == '/' && is_file(path) && ::access(path.c_str(), X_OK) == 0)
      return path;
    at = end + 1;
  }
  return error{errc::agent_crashed, "there is no program " + command + " in PATH (" +
                                        std::string{search} +
                                        "); install it or give its full path in `command`"};
}

result<spawned_program> spawn_program(const spawn_request& request) {
  const std::string name = request.command.empty() ? std::string{} : request.command.front();
  result<std::string> path = find_program(name, request.directory, request.environment);
  if (!path)
    return path.error();
  result<pipe_pair> in = open_pipe(true);
  result<pipe_pair> out = in ? open_pipe(false) : in.error();
  result<pipe_pair> err = out ? open_pipe(false) : out.error();
  if (!err)
    return err.error();
  result<unique_fd> child_in = above_standard(std::move(in->read));
  result<unique_fd> child_out = above_standard(std::move(out->write));
  result<unique_fd> child_err = above_standard(std::move(err->write));
  if (!child_in || !child_out || !child_err)
    return error{errc::agent_crashed, "no descriptors for a program"};

  std::vector<std::string> arguments = request.command;
  std::vector<std::string> environment = joined(request.environment);
  spawned_program program;
  spawn_options options;
  int failed =
      configure(options, request.directory, child_in->get(), child_out->get(), child_err->get());
  if (failed == 0)
    failed = ::posix_spawn(&program.pid, path->c_str(), &options.actions, &options.attributes,
                           pointers(arguments).data(), pointers(environment).data());
  if (failed != 0)
    return error{failed == E2BIG ? errc::too_large : errc::agent_crashed,
                 "cannot start " + *path + ": " + advice(failed, *path, request.directory)};

  program.pidfd = unique_fd{static_cast<int>(::syscall(SYS_pidfd_open, program.pid, 0))};
  if (!program.pidfd) {
    const int number = errno;
    ::kill(-program.pid, SIGKILL);
    ::waitpid(program.pid, nullptr, 0);
    return error{errc::agent_crashed, std::string{"pidfd_open: "} + std::strerror(number)};
  }
  program.input = std::move(in->write);
  program.output = std::move(out->read);
  program.errors = std::move(err->read);
  return program;
}

} // namespace skein
