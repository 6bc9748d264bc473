// Starting a program: own process group, three pipes, default signals, no descriptor of ours beyond
// them, exactly the environment it is given. It ends with the thread that starts it, at the latest.
// Resource limits and the umask are those that the node was started with.
#pragma once

#include "protocol/result.hpp"
#include "protocol/unique_fd.hpp"

#include <sys/types.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace skein {

using environment_list = std::vector<std::pair<std::string, std::string>>;

struct spawn_request {
  std::vector<std::string>
      command;                  // argv; [0] is looked up in PATH of `environment` if it has no '/'
  std::string directory;        // empty = ours; a relative command counts from here
  environment_list environment; // the last of a name wins
};

/// A running program. Our ends of the pipes do not block. The pidfd is readable once it ended; the
/// owner must then reap it.
struct spawned_program {
  pid_t pid = -1; // also its process group
  unique_fd pidfd;
  unique_fd input;
  unique_fd output;
  unique_fd errors;
};

class program_guard;

/// Starts a program, and lets the guard know of it, if there is one. The error says what is wrong
/// and what to do about it. too_large: this command and environment can never be started;
/// agent_crashed: may be different next time.
result<spawned_program> spawn_program(const spawn_request& request, program_guard* guard = nullptr);

/// PATH, HOME, LANG and TZ of the node, with a default where a program cannot do without; then
/// `added`.
environment_list base_environment(const environment_list& added);

/// Where `command` is: an error names what was looked for and where.
result<std::string> find_program(const std::string& command, const std::string& directory,
                                 const environment_list& environment);

} // namespace skein
