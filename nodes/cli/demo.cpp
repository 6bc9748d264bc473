// skein demo: a cluster of real processes on this machine, and a prompt with which it is broken.
#include "nodes/cli/commands.hpp"
#include "nodes/cli/exit_codes.hpp"
#include "nodes/cli/options.hpp"
#include "protocol/error.hpp"

#include <fmt/format.h>

#include <memory>

namespace skein::cli {

namespace {

struct demo_options {
  std::optional<std::uint32_t> nodes;
  std::optional<std::string> store;
  bool own_server = false;
  std::optional<std::string> script;
  std::optional<std::uint32_t> rate;
  std::optional<std::uint32_t> keys;
  std::optional<std::uint32_t> seed;
  std::optional<std::string> keep;
};

demo::plan plan_of(const context& at, const demo_options& options) {
  demo::plan plan;
  plan.nodes = options.nodes.value_or(plan.nodes);
  plan.store = options.store.value_or("");
  plan.own_server = options.own_server;
  plan.script = options.script.value_or("");
  plan.rate = options.rate.value_or(plan.rate);
  plan.keys = options.keys.value_or(plan.keys);
  plan.seed = options.seed.value_or(plan.seed);
  plan.keep = options.keep.value_or("");
  plan.as_lines = at.global.output != output_format::table;
  plan.is_terminal = at.world.in_is_terminal;
  return plan;
}

int exit_of(errc code) {
  switch (code) {
    case errc::invalid_argument:
      return exit_code::usage;
    case errc::not_found:
      return exit_code::not_found;
    case errc::store_mismatch:
    case errc::state_conflict:
      return exit_code::conflict;
    default:
      return exit_code::failed;
  }
}

int run(context& at, const demo_options& options) {
  const demo::plan plan = plan_of(at, options);
  if (at.global.dry_run) {
    say(at, fmt::format("would start {} nodes with {}, and send {} events a second over {} keys",
                        plan.nodes,
                        plan.store.empty() ? "a PostgreSQL server of their own"
                                           : "the database of --store",
                        plan.rate, plan.keys));
    return exit_code::done;
  }
  const auto ended = at.hooks.run_demo(plan, at.world.out, at.world.err);
  if (ended)
    return *ended;
  const std::string& detail = ended.error().detail;
  const auto parted = std::min(detail.rfind("; "), detail.size());
  return complain(at, exit_of(ended.error().code),
                  {"the demo did not start", detail.substr(0, parted),
                   detail.substr(std::min(parted + 2, detail.size())),
                   std::string{slug(ended.error().code)}});
}

} // namespace

handler define_demo(CLI::App& app) {
  auto options = std::make_shared<demo_options>();
  add_number(app, "--nodes", options->nodes, 1, demo::nodes_max, "processes at the start (3)");
  add_text(app, "--store", options->store, "URL",
           "PostgreSQL database for all of them, an empty one; it keeps what the demo writes");
  add_flag(app, "--ha", options->own_server,
           "a PostgreSQL server of the demo's own, of the programs that are installed here");
  add_text(app, "--script", options->script, "FILE",
           "commands to carry out, with a check at the end; - is standard input");
  add_number(app, "--rate", options->rate, 1, demo::rate_max, "events a second (100)");
  add_number(app, "--keys", options->keys, 1, demo::keys_max,
             "keys that they are spread over (50)");
  add_number(app, "--seed", options->seed, 0, 1'000'000'000, "of the load's choice of nodes (1)");
  add_text(app, "--keep", options->keep, "DIR",
           "folder for configurations, logs and histories, which stays");
  return [options](context& at) { return run(at, *options); };
}

} // namespace skein::cli
