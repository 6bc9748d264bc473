#include "nodes/cli/banner.hpp"

#include "actors/route_table.hpp"
#include "nodes/cli/output.hpp"
#include "nodes/config/http_address.hpp"
#include "nodes/config/version.hpp"
#include "nodes/logging/log_line.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>

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

/// A text that a glob matches.
std::string example_of(std::string_view glob) {
  std::string text;
  for (const char c : glob)
    text += c == '*' ? "demo" : c == '?' ? "x" : std::string(1, c);
  return text;
}

bool is_plain(std::string_view glob) { return glob.find_first_of("*?") == std::string_view::npos; }

/// What a send needs for a route to take it; the less it costs, the plainer it is.
struct send_words {
  int cost = 0;
  std::string words;
};

std::optional<send_words> words_for(const route_settings& route) {
  send_words out;
  std::string type;
  if (!is_any(route.type) && !type_matches(route.type, "skein.message")) {
    type = example_of(route.type);
    if (!type_matches(route.type, type))
      return std::nullopt;
    out.cost = is_plain(route.type) ? 1 : 2;
  }
  if (!is_any(route.key) || !is_any(route.source))
    out.cost += 3;
  out.words = " --key " + (is_any(route.key) ? "demo" : shell_quoted(example_of(route.key)));
  if (!type.empty())
    out.words += " --type " + shell_quoted(type);
  if (!is_any(route.source))
    out.words += " --source " + shell_quoted(example_of(route.source));
  return out;
}

/// A send that some route takes.
std::string next_command(const node_options& options, std::string_view server) {
  std::optional<send_words> best;
  for (const route_settings& each : options.settings.routes)
    if (auto found = words_for(each); found && (!best || found->cost < best->cost))
      best = std::move(found);
  return fmt::format("skein send \"hello\"{} --wait{}", best ? best->words : " --key demo", server);
}

} // namespace

std::string banner(const node_options& options, std::uint16_t port) {
  const std::string url = (options.tls.given() ? "https://" : "http://") +
                          to_string(http_address{options.http_host, port});
  const bool default_server =
      !options.tls.given() && options.http_host == "127.0.0.1" && port == default_port;
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
