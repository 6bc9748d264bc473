// What a line of the log says of a turn that went wrong.
#pragma once

#include "protocol/error.hpp"

#include <string>
#include <string_view>

namespace skein {

/// The code and what the agent's side told of it; the code's own sentence, which says the same in
/// general, only if nothing was told.
inline std::string turn_error_text(errc code, std::string_view told) {
  return std::string{slug(code)} + ": " + std::string{told.empty() ? sentence(code) : told};
}

} // namespace skein
