// skein event list | describe | cancel
#include "nodes/cli/commands.hpp"
#include "nodes/cli/event_page.hpp"
#include "nodes/cli/exit_codes.hpp"
#include "nodes/cli/options.hpp"
#include "protocol/ids.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <memory>

namespace skein::cli {

namespace {

struct list_options {
  std::optional<std::string> source, id, key, type, state, agent, since, until;
  page_options page;
};

int list_events(context& at, const list_options& options) {
  auto answer = look_up(at, with_query("/v1/events", {{"source", options.source},
                                                      {"id", options.id},
                                                      {"key", options.key},
                                                      {"type", options.type},
                                                      {"state", options.state},
                                                      {"agent", options.agent},
                                                      {"since", options.since},
                                                      {"until", options.until},
                                                      {"limit", options.page.limit_text()},
                                                      {"after", options.page.after}}));
  if (!answer)
    return answer.exit;
  if (at.global.output == output_format::table && answer.body.contains("events"))
    add_agents(answer.body["events"]);
  print_list(at, answer.body, "events", event_columns(),
             "no such events; publish one with: skein send \"hello\" --key demo --wait");
  if (cell_of(answer.body, "complete") == "no")
    say(at, "or narrow it with --key or --id, which are found at once, or --since and --until");
  return exit_code::done;
}

/// One named event is cancelled as told; several are asked for, with their count.
bool confirmed(context& at, std::size_t count, int& exit) {
  if (count == 1 || at.global.yes)
    return true;
  if (!at.world.in_is_terminal || !at.world.err_is_terminal) {
    exit = complain(at, exit_code::usage,
                    {fmt::format("this would cancel {} events", count),
                     "there is no terminal to ask on", "add --yes", "invalid-argument"});
    return false;
  }
  at.world.err << fmt::format("Cancel {} events? [y/N] ", count) << std::flush;
  std::string answer;
  std::getline(at.world.in, answer);
  if (answer == "y" || answer == "Y" || answer == "yes")
    return true;
  say(at, "nothing was cancelled");
  exit = exit_code::failed;
  return false;
}

struct cancel_end {
  int exit = exit_code::done;
  bool answered = true; // false: the node gave no answer, and the next event would get none either
};

/// Looks the event up and says what a cancel would meet now.
cancel_end foresee_cancel(context& at, const std::string& id, text_table& table) {
  const auto answer = look_up(at, "/v1/events/" + percent_encode(id));
  if (!answer)
    return {answer.exit, answer.status != 0};
  const std::string state = cell_of(answer.body, "state");
  if (state != "pending" && state != "running" && state != "retrying")
    return {complain(at, exit_code::conflict,
                     {std::string{sentence(errc::already_terminal)},
                      fmt::format("event {} is {} already", id, state), "",
                      std::string{slug(errc::already_terminal)}})};
  if (at.global.output == output_format::table)
    table.add({id, "would be cancelled"});
  else
    print_json(at, {{"event", id}, {"state", state}, {"would_be", "cancelled"}});
  return {};
}

cancel_end cancel(context& at, const std::string& id, text_table& table) {
  const auto answer = post(at, "/v1/events/" + percent_encode(id) + "/cancel", json::object());
  if (!answer)
    return {answer.exit, answer.status != 0};
  if (at.global.output == output_format::table)
    table.add({cell_of(answer.body, "event"), cell_of(answer.body, "state")});
  else
    print_json(at, answer.body);
  return {};
}

int cancel_events(context& at, const std::vector<std::string>& ids) {
  int worst = exit_code::done;
  if (!at.global.dry_run && !confirmed(at, ids.size(), worst))
    return worst;
  text_table table{{{"EVENT", weight::whole}, {"STATE", weight::whole}}};
  auto next = ids.begin();
  for (bool answered = true; answered && next != ids.end(); ++next) {
    const cancel_end end =
        at.global.dry_run ? foresee_cancel(at, *next, table) : cancel(at, *next, table);
    worst = std::max(worst, end.exit);
    answered = end.answered;
  }
  if (!table.empty())
    table.print(at);
  if (next != ids.end())
    say(at, fmt::format("not tried: {}", fmt::join(next, ids.end(), " ")));
  return worst;
}

} // namespace

handler define_event_list(CLI::App& app) {
  auto options = std::make_shared<list_options>();
  add_text(app, "--key", options->key, "KEY", "of this key");
  add_text(app, "--type", options->type, "TYPE", "of this type");
  add_text(app, "--source", options->source, "SOURCE", "from this source");
  add_text(app, "--id", options->id, "ID", "with this id of their source");
  add_choice(app, "--state", options->state,
             "pending|running|retrying|done|dead|cancelled|superseded|expired|purged",
             "in this state");
  add_text(app, "--agent", options->agent, "AGENT", "given to this agent");
  add_time(app, "--since", options->since, "accepted then or later");
  add_time(app, "--until", options->until, "accepted before then");
  add_page(app, options->page);
  return [options](context& at) { return list_events(at, *options); };
}

handler define_event_describe(CLI::App& app) {
  auto id = std::make_shared<std::string>();
  add_argument(app, "EVENT", *id, "number of the event, such as 17-42", check_event_id);
  return [id](context& at) { return show_event(at, "/v1/events/" + percent_encode(*id)); };
}

handler define_event_cancel(CLI::App& app) {
  auto ids = std::make_shared<std::vector<std::string>>();
  add_arguments(app, "EVENT", *ids, true, "numbers of events, such as 17-42", check_event_id);
  return [ids](context& at) { return cancel_events(at, *ids); };
}

} // namespace skein::cli
