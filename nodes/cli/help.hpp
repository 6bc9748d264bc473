// Help pages, all from the command table.
#pragma once

#include "nodes/cli/command.hpp"

#include <string>

namespace skein::cli {

std::string help_of_all();
/// The verbs of a noun; empty for an unknown one.
std::string help_of_noun(std::string_view noun);
std::string help_of_command(const command& which);

/// "exit-codes", "errors", "environment"; empty for an unknown one.
std::string help_of_topic(std::string_view topic);
std::vector<std::string_view> all_topics();

} // namespace skein::cli
