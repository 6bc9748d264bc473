// skein dev
#include "nodes/cli/commands.hpp"
#include "nodes/cli/node_flags.hpp"

#include <memory>

namespace skein::cli {

handler define_dev(CLI::App& app) {
  auto flags = std::make_shared<node_flags>();
  add_node_flags(app, *flags);
  return [flags](context& at) {
    int exit = 0;
    const auto options = read_node_options(at, *flags, true, exit);
    return options ? run_node(at, *options) : exit;
  };
}

} // namespace skein::cli
