// Help pages, all from the command table.
#pragma once

#include "nodes/cli/command.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace skein::cli {

/// Names and what they mean.
using help_rows = std::vector<std::pair<std::string, std::string>>;
help_rows error_rows();
help_rows command_error_rows(); // of the command line alone
help_rows environment_rows();

std::string help_of_all();
/// The verbs of a noun; empty for an unknown one.
std::string help_of_noun(std::string_view noun);
std::string help_of_command(const command& which);

/// "exit-codes", "errors", "environment"; empty for an unknown one.
std::string help_of_topic(std::string_view topic);
std::vector<std::string_view> all_topics();

} // namespace skein::cli
