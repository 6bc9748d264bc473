// A word that is not known, told with the one that was probably meant.
#pragma once

#include "nodes/cli/context.hpp"

#include <span>
#include <string_view>

namespace skein::cli {

/// `kind` is what the word should have been: "command", "verb of event", "topic". Returns
/// exit_code::usage.
int complain_of_word(context& at, std::string_view kind, std::string_view word,
                     std::span<const std::string_view> known, std::string_view more);

} // namespace skein::cli
