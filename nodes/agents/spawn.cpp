#include "nodes/agents/spawn.hpp"

#include "nodes/agents/launch.hpp"
#include "nodes/agents/program_guard.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
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
      return error{errc::agent_crashed,
                   "there is no program " + path + "; install it there or correct `command`"};
    if (is_file(path) && ::access(path.c_str(), X_OK) != 0)
      return error{errc::agent_crashed,
                   path + " is not executable by this user; try: chmod +x " + path};
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

result<spawned_program> spawn_program(const spawn_request& request, program_guard* guard) {
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
  const std::vector<char*> argument_texts = pointers(arguments);
  const std::vector<char*> environment_texts = pointers(environment);
  launch_plan plan;
  plan.path = path->c_str();
  plan.arguments = argument_texts.data();
  plan.environment = environment_texts.data();
  plan.directory = request.directory.empty() ? nullptr : request.directory.c_str();
  plan.input = child_in->get();
  plan.output = child_out->get();
  plan.errors = child_err->get();
  plan.guard = guard == nullptr ? -1 : guard->descriptor();
  launched made;
  if (const int failed = launch(plan, made); failed != 0) {
    if (guard != nullptr && made.pid > 0)
      guard->forget(made.pid);
    return error{failed == E2BIG ? errc::too_large : errc::agent_crashed,
                 "cannot start " + *path + ": " + advice(failed, *path, request.directory)};
  }
  if (guard != nullptr)
    guard->remember(made.pid);
  spawned_program program;
  program.pid = made.pid;
  program.pidfd = std::move(made.pidfd);
  program.input = std::move(in->write);
  program.output = std::move(out->read);
  program.errors = std::move(err->read);
  return program;
}

} // namespace skein
