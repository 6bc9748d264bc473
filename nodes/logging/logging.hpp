// Sets the log up; for the composition root and tests.
#pragma once

#include "nodes/logging/log.hpp"

#include <functional>
#include <string_view>

namespace skein {

/// Receives whole lines, newline included, one at a time.
using log_writer = std::function<void(std::string_view line)>;

/// Lines go to standard error, or to `writer` if there is one. Before the first call they go to
/// standard error as text from level info. Not while other threads log.
void set_up_logging(const log_options& options, log_writer writer = {});

/// Takes effect at once; any thread.
void set_log_level(log_level level) noexcept;

} // namespace skein
