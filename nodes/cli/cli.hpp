// The command line. main() hands over its arguments and what runs a node:
//
//   int main(int argc, char** argv) {
//     return skein::cli::run(argc, argv, {run_node});
//   }
#pragma once

#include "nodes/config/node_options.hpp"
#include "protocol/result.hpp"

#include <functional>

namespace skein::cli {

struct cli_hooks {
  /// Runs a node until it was told to stop; its answer is the exit status, or why it could not
  /// start, which nobody was told yet. `dev` and `start` call it.
  std::function<result<int>(const node_options&)> run_node;
};

/// Returns the exit status; no exception leaves.
int run(int argc, char** argv, const cli_hooks& hooks);

} // namespace skein::cli
