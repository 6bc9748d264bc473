// The step between us and another program: a child that shares our memory for the moment until it
// executes (as vfork), so that it costs the same however large the node is.
//
// In the child, in this order: default signals; the kernel is told to kill it when the thread that
// started it ends; own process group; directory; standard descriptors; the guard is told of the
// group; every other descriptor is closed; no signal is blocked; execve. The limit of
// open files is what this process was started with; the umask and other limits stay as they are.
#pragma once

#include "protocol/unique_fd.hpp"

#include <sys/types.h>

namespace skein {

struct launch_plan {
  const char* path = nullptr;
  char* const* arguments = nullptr; // ends with a null pointer, as the next
  char* const* environment = nullptr;
  const char* directory = nullptr; // null: ours
  int input = -1;                  // these three are above 2
  int output = -1;
  int errors = -1;
  bool dies_with_us = true; // SIGKILL when the calling thread ends, however it does
  int guard = -1;           // see program_guard.hpp; -1: none
};

struct launched {
  pid_t pid = -1; // also its process group
  unique_fd pidfd;
};

/// 0, or the error number of the step that failed; then no child is left, but the guard may have
/// been told of `into.pid`.
int launch(const launch_plan& plan, launched& into);

} // namespace skein
