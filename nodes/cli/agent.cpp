// skein agent list | describe
#include "nodes/cli/agent_page.hpp"
#include "nodes/cli/commands.hpp"
#include "nodes/cli/exit_codes.hpp"
#include "nodes/cli/options.hpp"

#include <array>
#include <memory>

namespace skein::cli {

namespace {

constexpr std::array columns{column{"NAME", "name", weight::whole},
                             column{"KIND", "kind", weight::extra, true},
                             column{"STATE", "state", weight::whole, true},
                             column{"PURE", "pure", weight::extra, true},
                             column{"CONCURRENCY", "concurrency", weight::extra},
                             column{"RUNNING", "running"},
                             column{"WAITING", "waiting"},
                             column{"TURNS", "turns", weight::extra, true},
                             column{"DONE", "done"},
                             column{"FAILED", "failed"},
                             column{"REJECTED", "rejected", weight::extra, true},
                             column{"TIMEOUTS", "timeouts", weight::extra, true},
                             column{"SLEPT", "slept", weight::extra, true},
                             column{"DEAD", "dead", weight::main, true},
                             column{"RESTARTS", "restarts", weight::extra, true},
                             column{"ERROR", "error", weight::text, true}};

int list_agents(context& at) {
  const auto answer = look_up(at, "/v1/agents");
  if (!answer)
    return answer.exit;
  print_list(at, answer.body, "agents", columns,
             "the node has no agents; add an [agent.NAME] to its configuration");
  return exit_code::done;
}

int describe_agent(context& at, const std::string& name) {
  const auto answer = look_up(at, "/v1/agents/" + percent_encode(name));
  if (!answer)
    return answer.exit;
  if (at.global.output != output_format::table) {
    print_json(at, answer.body);
    return exit_code::done;
  }
  text_values values;
  values.add("name", answer.body, "name");
  for (const auto& [member, value] : answer.body.items())
    if (member != "name")
      values.add(member, answer.body, member);
  values.print(at);
  return exit_code::done;
}

} // namespace

std::span<const column> agent_columns() { return columns; }

handler define_agent_list(CLI::App&) { return list_agents; }

handler define_agent_describe(CLI::App& app) {
  auto name = std::make_shared<std::string>();
  add_argument(app, "NAME", *name, "name of the agent");
  return [name](context& at) { return describe_agent(at, *name); };
}

} // namespace skein::cli
