// skein start
#include "nodes/cli/commands.hpp"
#include "nodes/cli/exit_codes.hpp"
#include "nodes/cli/node_flags.hpp"

#include <memory>

namespace skein::cli {

handler define_start(CLI::App& app) {
  auto flags = std::make_shared<node_flags>();
  add_node_flags(app, *flags);
  return [flags](context& at) {
    if (!flags->config)
      return complain(at, exit_code::usage,
                      {"there is no configuration to start", "",
                       "skein start --config cluster.toml, or skein dev to try things out",
                       "invalid-argument"});
    int exit = 0;
    const auto options = read_node_options(at, *flags, false, exit);
    return options ? run_node(at, *options) : exit;
  };
}

} // namespace skein::cli
