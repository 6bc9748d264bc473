// The command line. main() hands over its arguments, what runs a node, what
// measures a machine and what runs a demo:
//
//   int main(int argc, char** argv) {
//     return skein::cli::run(argc, argv, {run_node, measure_machine, run_demo});
//   }
#pragma once

#include "nodes/bench/machine.hpp"
#include "nodes/config/node_options.hpp"
#include "nodes/demo/plan.hpp"
#include "protocol/result.hpp"

#include <functional>
#include <iosfwd>
#include <string_view>

namespace skein::cli {

struct cli_hooks {
  /// Runs a node until it was told to stop; its answer is the exit status, or why it could not
  /// start, which nobody was told yet. `dev` and `start` call it.
  std::function<result<int>(const node_options&)> run_node;
  /// Measures the machine; `progress` is told what begins. `bench` calls it.
  std::function<result<bench::machine_figures>(
      const bench::machine_plan&, const std::function<void(std::string_view)>& progress)>
      measure_machine;
  /// Runs a cluster to play with; its answer is the exit status, or why it could not start, with
  /// what to do behind "; ". `demo` calls it.
  std::function<result<int>(const demo::plan&, std::ostream& out, std::ostream& err)> run_demo;
};

/// Returns the exit status; no exception leaves.
int run(int argc, char** argv, const cli_hooks& hooks);

} // namespace skein::cli
