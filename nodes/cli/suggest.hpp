// A word that is not known, told with the one that was probably meant.
#pragma once

#include "nodes/cli/context.hpp"

#include <span>
#include <string_view>

namespace skein::cli {

/// `what` says so: "there is no command \"sned\"". Returns exit_code::usage.
int complain_of_word(context& at, std::string what, std::string_view word,
                     std::span<const std::string_view> known, std::string_view more,
                     std::string_view code = "unknown-command");

} // namespace skein::cli
