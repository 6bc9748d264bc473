// skein version
#include "nodes/config/version.hpp"
#include "nodes/cli/commands.hpp"
#include "nodes/cli/exit_codes.hpp"
#include "nodes/cli/output.hpp"
#include "protocol/frame.hpp"

#include <fmt/format.h>

#include <ostream>

namespace skein::cli {

namespace {

int show_version(context& at) {
  if (at.global.output == output_format::table)
    at.world.out << fmt::format("skein {}\n", version());
  else
    print_json(
        at,
        {{"version", version()}, {"protocol", int{protocol_version}}, {"compiler", __VERSION__}});
  return exit_code::done;
}

} // namespace

handler define_version(CLI::App&) { return show_version; }

} // namespace skein::cli
