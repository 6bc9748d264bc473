// A real local cluster of separate processes to play with and to break: the whole of a demo, from
// its start to the last process's end.
//
//   folders -> store -> network of relays -> nodes -> load        started in this order, ended in
//   reverse
#pragma once

#include "nodes/demo/plan.hpp"
#include "protocol/result.hpp"

#include <iosfwd>

namespace skein::demo {

inline constexpr int exit_held = 0;
inline constexpr int exit_broken = 1;        // a command failed, or a promise is broken
inline constexpr int exit_interrupted = 130; // by a signal

/// Reads commands from the script or from standard input until there are no more. The exit status;
/// an error: it could not start. Its detail says what is wrong, and behind "; " what to do.
/// On the process's main thread: the kernel ends the nodes with the thread that started them.
result<int> run_demo(const plan& asked, std::ostream& out, std::ostream& err);

} // namespace skein::demo
