// skein config diff | describe | reload | rollback
#include "nodes/cli/commands.hpp"
#include "nodes/cli/config_errors.hpp"
#include "nodes/cli/exit_codes.hpp"
#include "nodes/cli/options.hpp"
#include "nodes/cli/output.hpp"
#include "nodes/cli/remote.hpp"
#include "nodes/config/config_diff.hpp"
#include "nodes/config/load_config.hpp"

#include <fmt/format.h>

#include <array>
#include <memory>
#include <optional>
#include <ostream>

namespace skein::cli {

namespace {

constexpr unsigned unprocessable = 422;

// ---- two files ----------------------------------------------------------------------------------

struct diff_options {
  std::string before, after;
  std::optional<std::string> node;
};

/// "~ [log] level: "info" -> "debug"", and what of it a running node does not take over.
void print_changes(context& at, const json& changes) {
  for (const json& each : changes) {
    at.world.out << each.value("text", "");
    if (each.value("effect", "") == "restart")
      at.world.out << "  (at a restart)";
    else if (each.value("effect", "") == "other-node")
      at.world.out << "  (of another node)";
    at.world.out << "\n";
  }
}

int diff(context& at, const diff_options& options) {
  const loaded_config before = load_config_file(options.before);
  const loaded_config after = load_config_file(options.after);
  for (const loaded_config* each : {&before, &after})
    if (!each->ok())
      return complain_of_config(at, *each, false);
  const std::string node = options.node.value_or(after.config.nodes.front().name);
  const json changes = view_changes(diff_configs(before.values, after.values, node));
  if (at.global.output != output_format::table)
    print_json(at, {{"node", node}, {"changes", changes}});
  else if (changes.empty())
    say(at, "they say the same");
  else
    print_changes(at, changes);
  return exit_code::done;
}

// ---- a node -------------------------------------------------------------------------------------

std::string generation_text(const json& of) {
  return fmt::format("{}, {}, since {}, by {}", cell_of(of, "generation"), cell_of(of, "hash"),
                     cell_of(of, "at"), cell_of(of, "by"));
}

int describe(context& at) {
  const auto answer = look_up(at, "/v1/config");
  if (!answer)
    return answer.exit;
  if (at.global.output != output_format::table) {
    print_json(at, answer.body);
    return exit_code::done;
  }
  const json& body = answer.body;
  text_values values;
  values.add("node", body, "node");
  values.add("file", body, "file");
  values.add("generation", generation_text(body));
  if (body.contains("previous") && body["previous"].is_object())
    values.add("before", generation_text(body["previous"]));
  values.add("file differs", body, "file_differs");
  values.add("watched", body, "watch");
  if (const auto refused = body.find("refused"); refused != body.end() && refused->is_object()) {
    values.add("refused", fmt::format("{}, by {}: {}", cell_of(*refused, "at"),
                                      cell_of(*refused, "by"), cell_of(*refused, "code")));
    values.add("because", cell_of(*refused, "why"));
  }
  values.print(at);
  return exit_code::done;
}

int change(context& at, const std::string& verb) {
  json body = json::object();
  if (at.global.dry_run)
    body["dry_run"] = true;
  const auto answer = post(at, "/v1/config/" + verb, body);
  if (!answer) // a wrong file is no wrong use of the command
    return answer.status == unprocessable ? exit_code::failed : answer.exit;
  if (at.global.output != output_format::table) {
    print_json(at, answer.body);
    return exit_code::done;
  }
  const json changes = answer.body.value("changes", json::array());
  print_changes(at, changes);
  if (changes.empty())
    say(at, "nothing changes: it says the same as the one in force");
  else if (at.global.dry_run)
    say(at, "node " + cell_of(answer.body, "node") + " would take this over");
  else
    say(at, fmt::format("node {} works by generation {} ({}); running turns end as they began",
                        cell_of(answer.body, "node"), cell_of(answer.body, "generation"),
                        cell_of(answer.body, "hash")));
  if (verb == "rollback" && !at.global.dry_run && answer.body.value("file_differs", false))
    say(at, "the file still says something else: the next reload, or restart, reads it");
  return exit_code::done;
}

constexpr std::array node_columns{
    column{"NODE", "node", weight::whole},      column{"CHANGED", "changed", weight::whole},
    column{"GENERATION", "generation"},         column{"CONFIG", "hash"},
    column{"CODE", "code", weight::main, true}, column{"WHY", "detail", weight::text, true}};

/// Every node reads its own file.
int reload_all(context& at) {
  json body{{"all", true}};
  if (at.global.dry_run)
    body["dry_run"] = true;
  const auto answer = post(at, "/v1/config/reload", body);
  if (!answer)
    return answer.exit;
  print_list(at, answer.body, "nodes", node_columns, "no node is known");
  std::size_t refused = 0;
  for (const json& each : answer.body.value("nodes", json::array()))
    refused += each.contains("code") && !each["code"].is_null() ? 1u : 0u;
  if (refused == 0)
    return exit_code::done;
  return complain(at, exit_code::failed,
                  {fmt::format("{} of the nodes work on as before", refused),
                   "each takes all of its file over, or nothing", "correct what is shown",
                   "state-conflict"});
}

} // namespace

handler define_config_diff(CLI::App& app) {
  auto options = std::make_shared<diff_options>();
  add_argument(app, "OLD", options->before, "a configuration");
  add_argument(app, "NEW", options->after, "another one");
  add_text(app, "--node", options->node, "NAME", "as it concerns this node; else the first one");
  return [options](context& at) { return diff(at, *options); };
}

handler define_config_describe(CLI::App&) { return describe; }
handler define_config_reload(CLI::App& app) {
  auto all = std::make_shared<bool>(false);
  add_flag(app, "--all", *all, "at all nodes that take part, each by its own file");
  return [all](context& at) { return *all ? reload_all(at) : change(at, "reload"); };
}
handler define_config_rollback(CLI::App&) {
  return [](context& at) { return change(at, "rollback"); };
}

} // namespace skein::cli
