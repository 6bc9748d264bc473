// Sets the log up; for the composition root and tests.
#pragma once

#include "nodes/logging/log.hpp"

#include <chrono>
#include <functional>
#include <string_view>

namespace skein {

/// Receives whole lines, newline included, one at a time.
using log_writer = std::function<void(std::string_view line)>;

/// Lines go to standard error, or to `writer` if there is one. Before the first call they go to
/// standard error as text from level info. Not while other threads log.
void set_up_logging(const log_options& options, log_writer writer = {});

/// Lines go to `fd` by a bounded queue and a thread of its own: whoever stops reading them stops no
/// part of the process (see log_queue.hpp). An abort waits a moment for the last lines to be
/// written, and so does the end of the process; `_exit` does not. Not while other threads log.
void set_up_background_logging(const log_options& options, int fd);

/// Waits until what was logged is written, at most `limit`; to be called before `_exit`. Whether it
/// is written.
bool flush_log(std::chrono::milliseconds limit);

/// Takes effect at once; any thread.
void set_log_level(log_level level) noexcept;

} // namespace skein
