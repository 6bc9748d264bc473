// Options that `dev` and `start` share, and how they change what a configuration says.
#pragma once

#include "nodes/cli/context.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace CLI {
class App;
}

namespace skein::cli {

struct node_flags {
  std::optional<std::string> config;
  std::optional<std::string> node;
  std::optional<std::string> data;
  std::optional<std::uint32_t> port;
  std::optional<std::uint32_t> loops;
  std::optional<std::string> log_level;
  std::optional<std::string> log_format;
  bool ephemeral = false;
  bool trust_clock = false;
};

void add_node_flags(CLI::App& app, node_flags& into);

/// The options of the node: a configuration's if a file is named, else those of `dev`; then the
/// environment (SKEIN_LOG_LEVEL), then the flags. Empty when something is wrong, which is told;
/// `exit` then says how to end.
std::optional<node_options> read_node_options(context& at, const node_flags& flags, bool dev,
                                              int& exit);

/// Runs it, or with --dry-run says what would run.
int run_node(context& at, const node_options& options);

} // namespace skein::cli
