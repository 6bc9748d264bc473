#include "nodes/cli/node_flags.hpp"

#include "nodes/cli/config_errors.hpp"
#include "nodes/cli/exit_codes.hpp"
#include "nodes/cli/options.hpp"
#include "nodes/cli/output.hpp"
#include "nodes/config/http_address.hpp"
#include "nodes/config/load_config.hpp"

#include <fmt/format.h>

#include <ostream>

namespace skein::cli {

namespace {

constexpr std::uint32_t port_max = 65'535;
constexpr std::uint32_t loops_max = 256; // as of the key `loops`

std::optional<node_options> from_file(context& at, const node_flags& flags, int& exit) {
  std::string text;
  const loaded_config loaded = load_config_file(*flags.config, &text);
  const bool as_json = at.global.output != output_format::table;
  if (!as_json || loaded.ok()) // warnings are talk; errors are within the one object
    at.world.err << problem_lines(loaded);
  if (!loaded.ok()) {
    exit = complain_of_config(at, loaded, !as_json);
    return std::nullopt;
  }
  auto options = options_for(loaded.config, flags.node.value_or(""));
  if (!options) {
    exit = complain(at, exit_code::usage,
                    {options.error().detail, "", "name the node with --node", "invalid-config"});
    return std::nullopt;
  }
  options->config_file = *flags.config;
  options->config_text = std::move(text);
  return std::move(*options);
}

bool set_log_level(context& at, node_options& options, const node_flags& flags, int& exit) {
  const auto text = flags.log_level ? flags.log_level : at.world.environment("SKEIN_LOG_LEVEL");
  if (!text || text->empty()) // an empty variable is as good as none
    return true;
  const auto level = parse_log_level(*text);
  if (level) {
    options.log.level = *level;
    options.log_level_given = true;
    return true;
  }
  exit = complain(at, exit_code::usage,
                  {fmt::format("SKEIN_LOG_LEVEL is \"{}\"", *text), "",
                   "trace, debug, info, warn, error or off", "invalid-argument"});
  return false;
}

std::string advice_for(errc code) {
  switch (code) {
    case errc::port_in_use:
      return "stop what uses it, or choose another with --port; --port 0 lets the system choose";
    case errc::store_locked:
      return "stop that process first, or choose another folder with --data";
    case errc::store_unsafe:
      return "make the folder and its files yours alone (chown, chmod go-rwx), or choose another "
             "with --data";
    case errc::store_mismatch:
      return "configure what the store was made with, or choose another folder with --data";
    case errc::store_version:
      return "use the version of skein that wrote it, or a newer one";
    case errc::store_corrupt:
      return "keep the folder as it is; start from a copy that is whole, or with another --data";
    case errc::clock_implausible:
      return "set the clock, or start once with --trust-clock if it is right";
    case errc::store_unfinished:
      return "run the restore or the import again, or choose another folder with --data";
    case errc::store_read_only:
      return "make it writable (mount the file system anew, or chmod the file), or choose another "
             "folder with --data";
    case errc::disk_full:
      return "free some space, or choose another folder with --data";
    case errc::io_error:
      return "see that the folder exists and can be written, or choose another with --data";
    case errc::invalid_config:
      return "correct the configuration; check it with: skein config check FILE";
    default:
      return "see: skein help dev";
  }
}

/// A command that the detail of an error ends with.
std::string command_in(const std::string& detail) {
  for (const char* const command : {"skein peer ", "skein token "})
    if (const auto at = detail.find(command); at != std::string::npos)
      return detail.substr(at);
  return {};
}

int complain_of_start(context& at, const node_options& options, const error& problem) {
  std::string why{sentence(problem.code)};
  if (!problem.detail.empty())
    why += " " + problem.detail;
  return complain(
      at, exit_code::failed,
      {fmt::format("node {} cannot start", options.settings.node), std::move(why),
       command_in(problem.detail).empty() ? advice_for(problem.code) : command_in(problem.detail),
       std::string{slug(problem.code)}});
}

} // namespace

void add_node_flags(CLI::App& app, node_flags& into) {
  add_text(app, "--config", into.config, "FILE", "configuration (cluster.toml)");
  add_text(app, "--node", into.node, "NAME", "which of the file's nodes this is");
  add_text(app, "--data", into.data, "DIR", "folder of the store (default ./skein-data)");
  add_flag(app, "--ephemeral", into.ephemeral, "keep nothing: the store is in memory");
  add_flag(app, "--trust-clock", into.trust_clock,
           "start although the clock is far from the store's last commit");
  add_number(app, "--port", into.port, 0, port_max, "of the HTTP API; 0: the system chooses");
  add_number(app, "--loops", into.loops, 0, loops_max, "event loops; 0: one a processor core");
  add_choice(app, "--log-level", into.log_level, "trace|debug|info|warn|error|off",
             "least important lines written (SKEIN_LOG_LEVEL)");
  add_choice(app, "--log-format", into.log_format, "text|json", "form of the log");
}

std::optional<node_options> read_node_options(context& at, const node_flags& flags, bool dev,
                                              int& exit) {
  if (flags.data && flags.ephemeral) {
    exit = complain(at, exit_code::usage,
                    {"--data and --ephemeral are both given", "an ephemeral node keeps nothing",
                     "leave one of them out", "invalid-argument"});
    return std::nullopt;
  }
  auto options = flags.config ? from_file(at, flags, exit) : std::optional{dev_options()};
  if (!options || !set_log_level(at, *options, flags, exit))
    return std::nullopt;
  options->dev = dev;
  if (dev) { // for this machine alone, whatever the file says
    options->tls = {};
    options->broker.clear();
    options->peers.clear();
    if (!is_loopback(options->http_host))
      options->http_host = node_options{}.http_host;
  }
  if (!flags.config && flags.node)
    options->settings.node = *flags.node;
  if (flags.data) {
    options->data_dir = *flags.data;
    if (!options->shares_its_store()) // then it is the folder of the node's keys alone
      options->store.clear();
    options->ephemeral = false;
  }
  if (flags.ephemeral)
    make_ephemeral(*options);
  options->trust_clock = flags.trust_clock;
  if (flags.port)
    options->http_port = static_cast<std::uint16_t>(*flags.port);
  if (flags.loops)
    options->settings.loops = resolve_loops(*flags.loops);
  if (flags.log_format)
    options->log.json = *flags.log_format == "json";
  return options;
}

int run_node(context& at, const node_options& options) {
  if (!at.global.dry_run) {
    const auto ended = at.hooks.run_node(options);
    return ended ? *ended : complain_of_start(at, options, ended.error());
  }
  const engine_settings& settings = options.settings;
  const std::string server = (options.tls.given() ? "https://" : "http://") +
                             to_string(http_address{options.http_host, options.http_port});
  if (at.global.output == output_format::table)
    at.world.out << fmt::format(
        "node {} would serve {}; loops: {}, agents: {}, routes: {}, data: {}\n", settings.node,
        server, settings.loops, settings.agents.size(), settings.routes.size(),
        options.ephemeral ? "in memory" : options.data_dir);
  else
    print_json(at, {{"node", settings.node},
                    {"server", server},
                    {"loops", settings.loops},
                    {"agents", settings.agents.size()},
                    {"routes", settings.routes.size()},
                    {"data", options.ephemeral ? json{} : json{options.data_dir}}});
  at.world.out.flush();
  say(at, options.ephemeral ? "not checked: whether the port is free"
                            : "not checked: whether the port is free and the data folder can be "
                              "used");
  return exit_code::done;
}

} // namespace skein::cli
