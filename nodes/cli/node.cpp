// skein node list | describe | drain | undrain, shard list, cluster status | health: the nodes that
// share a store, asked at any of them.
#include "nodes/cli/commands.hpp"
#include "nodes/cli/exit_codes.hpp"
#include "nodes/cli/options.hpp"
#include "nodes/cli/output.hpp"
#include "nodes/cli/remote.hpp"
#include "protocol/error.hpp"
#include "protocol/time.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

namespace skein::cli {

namespace {

constexpr std::array node_columns{column{"NODE", "node", weight::whole},
                                  column{"STATE", "state", weight::whole, true},
                                  column{"SHARDS", "shards"},
                                  column{"KEEPER", "keeper", weight::main, true},
                                  column{"GENERATION", "generation", weight::main, true},
                                  column{"CONFIG", "config", weight::extra, true},
                                  column{"WEIGHT", "weight", weight::extra, true},
                                  column{"BROKER", "broker", weight::extra, true},
                                  column{"SELF", "self", weight::extra, true}};
constexpr std::array shard_columns{column{"SHARD", "shard", weight::whole},
                                   column{"NODE", "node", weight::whole}};

int list_nodes(context& at) {
  const auto answer = look_up(at, "/v1/nodes");
  if (!answer)
    return answer.exit;
  print_list(at, answer.body, "nodes", node_columns, "no node is known yet");
  return exit_code::done;
}

int describe_node(context& at, const std::string& name) {
  const auto answer = look_up(at, "/v1/nodes/" + percent_encode(name));
  if (!answer)
    return answer.exit;
  if (at.global.output != output_format::table) {
    print_json(at, answer.body);
    return exit_code::done;
  }
  text_values values;
  for (const column& each : node_columns)
    values.add(each.member, answer.body, each.member);
  values.print(at);
  return exit_code::done;
}

int set_drain(context& at, const std::string& name, bool drains) {
  const char* const verb = drains ? "drain" : "undrain";
  if (at.global.dry_run) {
    const auto known = look_up(at, "/v1/nodes/" + percent_encode(name));
    if (known)
      say(at, fmt::format("would {} node {}", verb, name));
    return known ? exit_code::done : known.exit;
  }
  const auto answer =
      post(at, fmt::format("/v1/nodes/{}/{}", percent_encode(name), verb), json::object());
  if (!answer)
    return answer.exit;
  if (at.global.output != output_format::table)
    print_json(at, answer.body);
  else
    say(at, drains ? fmt::format("node {} gives its shards to the others and stays up; see: skein "
                                 "node list",
                                 name)
                   : fmt::format("node {} takes part again", name));
  return exit_code::done;
}

struct shard_options {
  std::optional<std::string> node;
  page_options page;
};

int list_shards(context& at, const shard_options& options) {
  const auto answer = look_up(at, with_query("/v1/shards", {{"node", options.node},
                                                            {"limit", options.page.limit_text()},
                                                            {"after", options.page.after}}));
  if (!answer)
    return answer.exit;
  print_list(at, answer.body, "shards", shard_columns, "it has no shards");
  return exit_code::done;
}

// ---- the cluster --------------------------------------------------------------------------------

/// What keeps it from being whole; nothing: it is.
std::vector<std::string> ailments(const json& nodes, std::uint32_t at_least = 1) {
  std::vector<std::string> found;
  const auto takes_part = [](const json& each) { return cell_of(each, "state") == "up"; };
  const auto up = nodes.contains("nodes")
                      ? std::count_if(nodes["nodes"].begin(), nodes["nodes"].end(), takes_part)
                      : 0;
  if (up < static_cast<std::ptrdiff_t>(at_least))
    found.push_back(fmt::format("{} nodes take part, of {}", up, at_least));
  if (const std::string unowned = cell_of(nodes, "unowned"); unowned != "0")
    found.push_back(fmt::format("{} of {} shards have no node", unowned, cell_of(nodes, "shards")));
  if (nodes.contains("stale_s"))
    found.push_back(fmt::format("the store has not answered for {} s", cell_of(nodes, "stale_s")));
  if (!nodes.contains("keeper") || nodes["keeper"].is_null())
    found.emplace_back("no node keeps the jobs and the tokens");
  return found;
}

/// Whether all nodes work by the same one.
std::string config_text(const json& equal) {
  if (!equal.is_boolean())
    return "not all nodes have told theirs";
  return equal.get<bool>() ? "the same at all nodes" : "not the same at all nodes";
}

int show_cluster(context& at) {
  const auto answer = look_up(at, "/v1/nodes");
  if (!answer)
    return answer.exit;
  if (at.global.output != output_format::table) {
    print_json(at, answer.body);
    return exit_code::done;
  }
  const auto wrong = ailments(answer.body);
  text_values values;
  values.add("healthy", wrong.empty() ? "yes" : fmt::format("no: {}", fmt::join(wrong, "; ")));
  values.add("shards", cell_of(answer.body, "shards"));
  values.add("unowned", cell_of(answer.body, "unowned"));
  values.add("keeper", answer.body, "keeper");
  if (answer.body.contains("config_equal"))
    values.add("configuration", config_text(answer.body["config_equal"]));
  values.print(at);
  print_heading(at, "NODES");
  print_rows(at, answer.body["nodes"], node_columns);
  return exit_code::done;
}

struct health_options {
  bool waits = false;
  std::optional<std::uint32_t> within; // seconds
  std::optional<std::uint32_t> nodes;
};

constexpr std::uint32_t health_within = 60;
constexpr std::chrono::milliseconds look_again_after{200};

int tell_health(context& at, const std::vector<std::string>& wrong, bool waited) {
  if (at.global.output != output_format::table)
    print_json(at, {{"healthy", wrong.empty()}, {"because", wrong}});
  if (wrong.empty()) {
    say(at, "the cluster is whole");
    return exit_code::done;
  }
  return complain(at, waited ? exit_code::timed_out : exit_code::unhealthy,
                  {"the cluster is not whole", fmt::format("{}", fmt::join(wrong, "; ")),
                   "skein cluster status", waited ? "timed-out" : "not-ready"});
}

int show_health(context& at, const health_options& options) {
  const auto until = std::chrono::steady_clock::now() +
                     std::chrono::seconds{options.within.value_or(health_within)};
  while (true) {
    const auto answer = look_up(at, "/v1/nodes");
    if (!answer)
      return answer.exit;
    const auto wrong = ailments(answer.body, options.nodes.value_or(1));
    const bool is_late = std::chrono::steady_clock::now() >= until;
    if (wrong.empty() || !options.waits || is_late)
      return tell_health(at, wrong, options.waits);
    std::this_thread::sleep_for(look_again_after);
  }
}

handler of_node(CLI::App& app, int (*work)(context& at, const std::string& name)) {
  auto name = std::make_shared<std::string>();
  add_argument(app, "NAME", *name, "name of the node");
  return [name, work](context& at) { return work(at, *name); };
}

} // namespace

handler define_node_list(CLI::App&) { return list_nodes; }
handler define_node_describe(CLI::App& app) { return of_node(app, describe_node); }
handler define_node_drain(CLI::App& app) {
  return of_node(app,
                 [](context& at, const std::string& name) { return set_drain(at, name, true); });
}
handler define_node_undrain(CLI::App& app) {
  return of_node(app,
                 [](context& at, const std::string& name) { return set_drain(at, name, false); });
}

handler define_shard_list(CLI::App& app) {
  auto options = std::make_shared<shard_options>();
  add_text(app, "--node", options->node, "NAME", "that this node has");
  add_page(app, options->page);
  return [options](context& at) { return list_shards(at, *options); };
}

handler define_cluster_status(CLI::App&) { return show_cluster; }

handler define_cluster_health(CLI::App& app) {
  auto options = std::make_shared<health_options>();
  add_flag(app, "--exit-when-healthy", options->waits, "wait until it is whole");
  add_number(app, "--nodes", options->nodes, 1, 1'000, "so many have to take part (1)");
  add_number(app, "--within", options->within, 1, 86'400, "seconds to wait at most (60)");
  return [options](context& at) { return show_health(at, *options); };
}

} // namespace skein::cli
