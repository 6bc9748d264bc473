#include "nodes/agents/program_guard.hpp"
#include "nodes/bench/machine.hpp"
#include "nodes/cli/banner.hpp"
#include "nodes/cli/cli.hpp"
#include "nodes/demo/demo.hpp"
#include "nodes/demo/worker.hpp"
#include "nodes/node.hpp"

#include <cstdio>

namespace {

void say_ready(const skein::node_options& options, std::uint16_t port) {
  std::fputs(skein::cli::banner(options, port).c_str(), stdout);
  std::fflush(stdout);
}

} // namespace

int main(int argc, char** argv) {
  if (argc == 2 && argv[1] == skein::guard_command)
    return skein::guard_programs();
  if (argc == 2 && argv[1] == skein::demo::worker_command)
    return skein::demo::work_as_agent();
  const auto run_node = [](const skein::node_options& options) {
    return skein::run_node(options, say_ready,
                           {"/proc/self/exe", std::string{skein::guard_command}});
  };
  return skein::cli::run(argc, argv,
                         {run_node, skein::bench::measure_machine, skein::demo::run_demo});
}
