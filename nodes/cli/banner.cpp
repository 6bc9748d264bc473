#include "nodes/cli/banner.hpp"

#include "nodes/cli/output.hpp"
#include "nodes/config/http_address.hpp"
#include "nodes/config/version.hpp"
#include "nodes/logging/log_line.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

namespace skein::cli {

namespace {

constexpr std::size_t lines_max = 8; // of agents and of routes; more are counted
constexpr std::uint16_t default_port = 7411;

bool is_any(std::string_view glob) { return glob.empty() || glob == "*"; }

std::string shown_glob(std::string_view name, std::string_view glob) {
  return is_any(glob) ? "" : fmt::format(" {} {}", name, glob);
}

std::string route_text(const route_settings& route) {
  return fmt::format("{}{}{} -> {}", is_any(route.type) ? "*" : route.type,
                     shown_glob("source", route.source), shown_glob("key", route.key), route.agent);
}

std::string agent_text(const agent_settings& agent) {
  if (agent.kind != agent_kind::exec)
    return fmt::format("{} ({})", agent.name, agent.kind == agent_kind::echo ? "echo" : "noop");
  return fmt::format("{} (exec: {})", agent.name, fmt::join(agent.exec.command, " "));
}

/// One a line, the first behind the name; "none" if there are none.
template <class Rows, class Text>
std::string lines_of(std::string_view name, const Rows& rows, Text text) {
  std::string out;
  for (std::size_t i = 0; i < std::min(rows.size(), lines_max); ++i)
    out += fmt::format("  {:<8} {}\n", i == 0 ? name : "", escape_controls(text(rows[i])));
  if (rows.size() > lines_max)
    out += fmt::format("  {:<8} and {} more\n", "", rows.size() - lines_max);
  return rows.empty() ? fmt::format("  {:<8} none\n", name) : out;
}

std::string data_text(const node_options& options) {
  if (options.ephemeral)
    return "in memory; gone when this ends";
  std::error_code problem;
  const auto path = std::filesystem::absolute(options.data_dir, problem).lexically_normal();
  return escape_controls(problem ? options.data_dir : path.string());
}

/// A send that some route takes: as it is if one takes messages, else with the first plain type.
std::string next_command(const node_options& options, std::string_view server) {
  const auto& routes = options.settings.routes;
  const auto takes = [](const route_settings& each, bool message) {
    const bool type = message ? is_any(each.type) || each.type == "skein.message"
                              : each.type.find_first_of("*?") == std::string::npos;
    return type && is_any(each.source) && is_any(each.key);
  };
  std::string type;
  if (std::none_of(routes.begin(), routes.end(), [&](const auto& r) { return takes(r, true); })) {
    const auto first =
        std::find_if(routes.begin(), routes.end(), [&](const auto& r) { return takes(r, false); });
    if (first != routes.end())
      type = fmt::format(" --type {}", shell_quoted(first->type));
  }
  return fmt::format("skein send \"hello\" --key demo{} --wait{}", type, server);
}

} // namespace

std::string banner(const node_options& options, std::uint16_t port) {
  const std::string url = "http://" + to_string(http_address{options.http_host, port});
  const bool default_server = options.http_host == "127.0.0.1" && port == default_port;
  std::string out = fmt::format("Skein {}{}, node {} is ready\n\n", version(),
                                options.dev ? " for development" : "", options.settings.node);
  out += fmt::format("  {:<8} {}\n", "url", url);
  out += fmt::format("  {:<8} {}\n", "data", data_text(options));
  out += lines_of("agents", options.settings.agents, agent_text);
  out += lines_of("routes", options.settings.routes, route_text);
  if (!options.dev)
    return out + "\n";
  out += "\nSend an event and see the reply; in another terminal:\n\n  " +
         next_command(options, default_server ? "" : " --server " + url) + "\n\n";
  out += options.ephemeral
             ? "Ctrl-C ends it.\n"
             : "Ctrl-C ends it; what was accepted is kept and goes on at the next start.\n";
  return out + "\n";
}

} // namespace skein::cli
