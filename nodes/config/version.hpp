// Which Skein this is.
#pragma once

#include <string_view>

namespace skein {

/// "0.1.0", as the project's build file says.
std::string_view version() noexcept;

} // namespace skein
