// skein dead list | show
#include "nodes/cli/commands.hpp"
#include "nodes/cli/event_page.hpp"
#include "nodes/cli/exit_codes.hpp"
#include "nodes/cli/options.hpp"

#include <array>
#include <memory>

namespace skein::cli {

namespace {

constexpr std::array columns{column{"EVENT", "event", weight::whole},
                             column{"AGENT", "agent", weight::whole},
                             column{"KEY", "key", weight::text},
                             column{"TYPE", "type", weight::note},
                             column{"ATTEMPT", "attempt", weight::extra},
                             column{"CODE", "code"},
                             column{"FINISHED", "finished"},
                             column{"ACCEPTED", "accepted", weight::extra},
                             column{"ERROR", "error", weight::text}};

struct list_options {
  std::optional<std::string> agent, key, type;
  page_options page;
};

int list_dead(context& at, const list_options& options) {
  auto answer = look_up(at, with_query("/v1/dead", {{"agent", options.agent},
                                                    {"key", options.key},
                                                    {"type", options.type},
                                                    {"limit", options.page.limit_text()},
                                                    {"after", options.page.after}}));
  if (!answer)
    return answer.exit;
  if (at.global.output == output_format::table && answer.body.contains("dead"))
    answer.body["dead"] = dead_rows(answer.body["dead"], options.agent);
  print_list(at, answer.body, "dead", columns,
             "no dead letters; see what waits and runs with: skein status");
  return exit_code::done;
}

} // namespace

handler define_dead_list(CLI::App& app) {
  auto options = std::make_shared<list_options>();
  add_text(app, "--agent", options->agent, "AGENT", "of this agent");
  add_text(app, "--key", options->key, "KEY", "of this key");
  add_text(app, "--type", options->type, "TYPE", "of this type");
  add_page(app, options->page);
  return [options](context& at) { return list_dead(at, *options); };
}

handler define_dead_show(CLI::App& app) {
  auto id = std::make_shared<std::string>();
  add_argument(app, "EVENT", *id, "number of the event, such as 17-42", check_event_id);
  return [id](context& at) { return show_event(at, "/v1/dead/" + percent_encode(*id)); };
}

} // namespace skein::cli
