// skein key list | describe
#include "nodes/cli/commands.hpp"
#include "nodes/cli/event_page.hpp"
#include "nodes/cli/exit_codes.hpp"
#include "nodes/cli/options.hpp"
#include "protocol/raw_json.hpp"

#include <array>
#include <memory>

namespace skein::cli {

namespace {

constexpr std::array columns{column{"KEY", "key", weight::text},
                             column{"AGENT", "agent"},
                             column{"WAITING", "waiting"},
                             column{"RUNNING", "running"},
                             column{"HEAD", "event", weight::whole},
                             column{"STATE", "state", weight::whole},
                             column{"SINCE", "since"}};

constexpr std::array state_columns{column{"AGENT", "agent", weight::whole},
                                   column{"STATE", "state", weight::text}};

struct list_options {
  std::optional<std::string> agent;
  page_options page;
};

int list_keys(context& at, const list_options& options) {
  auto answer = look_up(at, with_query("/v1/lanes", {{"agent", options.agent},
                                                     {"limit", options.page.limit_text()},
                                                     {"after", options.page.after}}));
  if (!answer)
    return answer.exit;
  if (at.global.output == output_format::table && answer.body.contains("lanes"))
    mark_sleepers(answer.body["lanes"]);
  print_list(at, answer.body, "lanes", columns,
             "nothing waits or runs at any key; see past events with: skein event list");
  return exit_code::done;
}

int describe_key(context& at, const std::string& key) {
  auto answer = look_up(at, "/v1/keys/" + percent_encode(key));
  if (!answer)
    return answer.exit;
  if (at.global.output != output_format::table) {
    print_json(at, answer.body);
    return exit_code::done;
  }
  text_values head;
  head.add("key", answer.body, "key");
  head.print(at);
  if (json lanes = answer.body.value("lanes", json::array()); !lanes.empty()) {
    mark_sleepers(lanes);
    print_heading(at, "LANES");
    print_rows(at, lanes, columns);
  }
  if (json states = answer.body.value("states", json::array()); !states.empty()) {
    for (json& row : states) // as it is kept: a text differs from a number
      row["state"] = write_json(row["state"]);
    print_heading(at, "STATE");
    print_rows(at, states, state_columns);
  }
  if (json recent = answer.body.value("recent", json::array()); !recent.empty()) {
    add_agents(recent);
    print_heading(at, "LATEST EVENTS");
    print_rows(at, recent, event_columns());
  }
  return exit_code::done;
}

} // namespace

handler define_key_list(CLI::App& app) {
  auto options = std::make_shared<list_options>();
  add_text(app, "--agent", options->agent, "AGENT", "of this agent");
  add_page(app, options->page);
  return [options](context& at) { return list_keys(at, *options); };
}

handler define_key_describe(CLI::App& app) {
  auto key = std::make_shared<std::string>();
  add_argument(app, "KEY", *key, "the key");
  return [key](context& at) { return describe_key(at, *key); };
}

} // namespace skein::cli
