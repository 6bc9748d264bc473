// How actors log: through a function that the composition root gives. Payloads never come here.
#pragma once

#include "actors/scheduler_core.hpp"

#include <functional>
#include <string_view>

namespace skein {

/// Component ("gateway", "loop/0", ...) and the line.
using log_sink = std::function<void(std::string_view component, const log_effect& line)>;

} // namespace skein
