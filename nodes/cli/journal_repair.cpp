// skein journal repair: a new store out of what a damaged one still holds.
#include "journal/ledgers.hpp"
#include "journal/sqlite_repair.hpp"
#include "nodes/cli/commands.hpp"
#include "nodes/cli/exit_codes.hpp"
#include "nodes/cli/offline.hpp"
#include "nodes/cli/options.hpp"
#include "nodes/cli/output.hpp"

#include <fmt/format.h>

#include <memory>
#include <ostream>

namespace skein::cli {

namespace {

using journal::lost_range;
using journal::repair_report;

std::string agent_of(const repair_report& report, agent_no agent) {
  return raw(agent) < report.agents.size() ? report.agents[raw(agent)] : std::to_string(raw(agent));
}

std::string name_of(const delivery_id& delivery) {
  return fmt::format("{}/{}", to_string(delivery.event), delivery.index);
}

json view(const lost_range& range) { return {{"first", range.first}, {"last", range.last}}; }

json view(const journal::lost_event& lost) {
  json ended = json::array();
  for (const auto& [index, state] : lost.ended)
    ended.push_back({{"delivery", index}, {"state", to_string(state)}});
  return {{"sequence", lost.sequence},
          {"event", lost.shard ? json(to_string(event_id{*lost.shard, lost.sequence})) : json{}},
          {"ended", ended}};
}

template <class All, class View>
json list(const All& all, const View& each_as) {
  json rows = json::array();
  for (const auto& each : all)
    rows.push_back(each_as(each));
  return rows;
}

json view_states(const repair_report& report, const std::vector<repair_report::state_name>& all) {
  return list(all, [&](const auto& each) {
    return json{{"agent", agent_of(report, each.agent)}, {"key", each.key}};
  });
}

json view(const repair_report& report) {
  const auto by_range = [](const lost_range& each) { return view(each); };
  const auto by_name = [](const delivery_id& each) { return json(name_of(each)); };
  json counts = json::object();
  for (const auto& [name, value] : journal::counts_of(report.counted))
    counts[std::string{name}] = value;
  return {
      {"store", report.store_id},
      {"needed", report.is_needed()},
      {"repaired", report.repaired},
      {"loses_nothing", report.loses_nothing()},
      {"problems", report.problems},
      {"damages", report.damages},
      {"commit", raw(report.last)},
      {"marked", report.marked ? json(raw(*report.marked)) : json{}},
      {"commits_gone", report.commits_gone ? view(*report.commits_gone) : json{}},
      {"commits_lost", list(report.commits_lost, by_range)},
      {"events_lost", list(report.events_lost, [](const auto& each) { return view(each); })},
      {"run_again", list(report.outcomes_lost,
                         [](const auto& each) {
                           return json{{"delivery", name_of(each.delivery)},
                                       {"agent", each.agent},
                                       {"commit", raw(each.commit)}};
                         })},
      {"may_run_again", list(report.outcomes_uncertain, by_name)},
      {"dead_without_error", list(report.dead_without_error, by_name)},
      {"attempts_lost",
       list(report.attempts_lost,
            [](const auto& each) {
              return json{{"delivery", name_of(each.first)}, {"attempt", each.second}};
            })},
      {"beginning_unknown", report.beginning_unknown},
      {"old_events_unknown", report.old_events_unknown},
      {"attempts_unknown", report.attempts_unknown},
      {"crash_counts_unknown", report.crashes_unknown},
      {"states_lost", view_states(report, report.states_lost)},
      {"states_may_be_older", view_states(report, report.states_uncertain)},
      {"states_unknown", report.states_unknown},
      {"agents_lost",
       list(report.agents_lost, [&](agent_no each) { return json(agent_of(report, each)); })},
      {"events", report.events},
      {"states", report.states},
      {"ledger", report.repaired ? counts : json{}},
      {"aside", report.aside},
  };
}

/// How many and the first of them, so that a page stays a page.
template <class All, class Name>
void add_count(text_values& lines, std::string_view name, const All& all, const Name& name_of_one,
               std::string_view meaning) {
  if (all.empty())
    return;
  constexpr std::size_t shown_max = 10;
  std::string text = fmt::format("{} ({}): ", all.size(), meaning);
  for (std::size_t i = 0; i < all.size() && i < shown_max; ++i)
    text += (i == 0 ? "" : ", ") + name_of_one(all[i]);
  lines.add(name, text + (all.size() > shown_max ? ", ..." : ""));
}

std::string text_of(const lost_range& range) {
  return range.first == range.last ? std::to_string(range.first)
                                   : fmt::format("{} to {}", range.first, range.last);
}

void add_losses(text_values& lines, const repair_report& report) {
  if (report.commits_gone)
    lines.add("commits gone",
              fmt::format("number {}: acknowledged and gone, with all that was in {}",
                          text_of(*report.commits_gone),
                          report.commits_gone->first == report.commits_gone->last ? "it" : "them"));
  if (!report.marked)
    lines.add("mark", "lost: whether commits after the last one are gone is not known");
  add_count(lines, "commit rows lost", report.commits_lost, text_of,
            "what was in them is looked at row by row");
  add_count(
      lines, "events lost", report.events_lost,
      [](const auto& each) {
        return each.shard ? to_string(event_id{*each.shard, each.sequence})
                          : fmt::format("?-{}", each.sequence);
      },
      "acknowledged and gone; their numbers stay, as purged or as they ended");
  add_count(
      lines, "run again", report.outcomes_lost,
      [](const auto& each) { return to_string(each.delivery.event, each.agent); },
      "their ends are lost: they are pending again");
  add_count(lines, "may run again", report.outcomes_uncertain, name_of,
            "pending; an end may have been lost");
  add_count(lines, "dead letters", report.dead_without_error, name_of,
            "they stay dead; their errors are lost");
  add_count(
      lines, "attempts lost", report.attempts_lost,
      [](const auto& each) { return fmt::format("{} of {}", each.second, name_of(each.first)); },
      "records of failed attempts");
  const auto state = [&](const auto& each) {
    return agent_of(report, each.agent) + " " + shell_quoted(each.key);
  };
  add_count(lines, "states lost", report.states_lost, state, "the keys begin anew");
  add_count(lines, "states older", report.states_uncertain, state,
            "they may be older than they were");
  if (report.beginning_unknown)
    lines.add("beginning", "where retention had got to is lost: it begins with the oldest commit "
                           "that can be read");
  if (report.old_events_unknown)
    lines.add("old events", "of what retention had left, pending or dead, some may be lost: a page "
                            "or a row of it is gone");
  if (report.states_unknown)
    lines.add("states", "more of them may be lost or older: a page or a row of theirs is gone");
  if (report.attempts_unknown)
    lines.add("attempts", "more of them may be lost: a page or a row of theirs is gone");
  if (report.crashes_unknown)
    lines.add("crashes", "counts of crashes are lost, and begin anew");
  add_count(
      lines, "agents lost", report.agents_lost,
      [&](agent_no each) { return agent_of(report, each); }, "their names are not known any more");
}

void print_report(context& at, const std::string& folder, const repair_report& report) {
  text_values lines;
  lines.add("folder", folder);
  if (!report.is_needed()) { // its content was checked, not looked at
    lines.add("lost", "nothing");
    lines.print(at);
    return;
  }
  lines.add("store", report.store_id);
  lines.add("last commit", std::to_string(raw(report.last)));
  lines.add("marked", report.marked ? fmt::format("commit {}", raw(*report.marked)) : "-");
  lines.add("kept", fmt::format("{} events, {} states", report.events - report.events_lost.size(),
                                report.states));
  add_losses(lines, report);
  if (report.loses_nothing())
    lines.add("lost", "nothing that is known of");
  if (!report.aside.empty())
    lines.add("moved aside", report.aside);
  lines.print(at);
  for (const std::string& each : report.problems)
    say(at, each);
  for (const std::string& each : report.damages)
    say(at, each);
}

int repair(context& at, const std::string& folder) {
  const bool apply = at.global.yes && !at.global.dry_run;
  journal::repair_options options{
      .directory = folder, .apply = apply, .now = wall_now(), .write_report = {}};
  options.write_report = [](const repair_report& report) {
    return view(report).dump(2, ' ', false, json::error_handler_t::replace) + "\n";
  };
  progress_line progress{at, "rebuilding"};
  options.progress = [&](std::uint64_t done, std::uint64_t all) { progress.show(done, all); };
  const auto report = journal::repair_sqlite(options);
  progress.end();
  if (!report)
    return complain_of_store(at, fmt::format("the store in {} was not repaired", folder),
                             report.error(),
                             "name the folder of a store with --data; its files are as they were");
  if (at.global.output == output_format::table)
    print_report(at, folder, *report);
  else
    print_json(at, view(*report));
  at.world.out.flush();
  if (!report->is_needed()) {
    say(at, "the store is whole: there is nothing to repair");
    return exit_code::done;
  }
  if (report->repaired) {
    say(at, fmt::format("the store is repaired; the damaged files and repair-report.json are in {}",
                        report->aside));
    return exit_code::done;
  }
  return complain(
      at, exit_code::failed,
      {fmt::format("the store in {} is damaged", folder), "nothing was changed",
       "keep a copy of the whole folder, then run it again with --yes, or restore a backup",
       std::string{slug(errc::store_corrupt)}});
}

} // namespace

handler define_journal_repair(CLI::App& app) {
  auto folder = std::make_shared<std::optional<std::string>>();
  add_text(app, "--data", *folder, "DIR", "folder of the store (default ./skein-data)");
  return on_folder(folder, "restore the server from its base backup, or go over to its standby",
                   repair);
}

} // namespace skein::cli
