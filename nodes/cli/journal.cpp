// skein journal verify: looks at the folder of a store itself, whether a node runs on it or not.
#include "journal/ledgers.hpp"
#include "nodes/cli/commands.hpp"
#include "nodes/cli/exit_codes.hpp"
#include "nodes/cli/offline.hpp"
#include "nodes/cli/options.hpp"
#include "nodes/cli/output.hpp"
#include "nodes/cli/store_report.hpp"

#include <fmt/format.h>

#include <memory>
#include <ostream>

namespace skein::cli {

namespace {

json view_counts(const journal::ledger& of) {
  json view = json::object();
  for (const auto& [name, value] : journal::counts_of(of))
    view[std::string{name}] = value;
  return view;
}

std::string counts_text(const journal::ledger& of) {
  std::string text;
  for (const auto& [name, value] : journal::counts_of(of))
    if (text.empty() || value != 0)
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", value, name);
  return text;
}

/// What SQLite says has lines of its own.
void say_lines(context& at, std::string_view text) {
  for (bool first = true; first || !text.empty(); first = false) {
    const auto end = std::min(text.find('\n'), text.size());
    say(at, fmt::format("{}{}", first ? "" : "  ", text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

void print_report(context& at, const std::string& folder, const journal::verify_report& report) {
  text_values lines;
  lines.add("folder", folder);
  lines.add("store", report.store_id);
  lines.add("last commit", std::to_string(raw(report.last)));
  lines.add("marked", report.marked ? fmt::format("commit {}", raw(*report.marked)) : "-");
  lines.add("checked", fmt::format("{} commits, {} states", report.commits, report.states));
  if (report.unchecked_events > 0)
    lines.add("unchecked", fmt::format("the first {} events, from before there were checksums",
                                       report.unchecked_events));
  lines.add("events", counts_text(report.counted.events));
  lines.add("deliveries", counts_text(report.counted.deliveries));
  lines.print(at);
  for (const std::string& each : report.problems)
    say_lines(at, each);
}

int verify(context& at, const std::string& folder) {
  const auto report = journal::verify_sqlite(folder);
  if (!report)
    return complain_of_store(at, fmt::format("the store in {} cannot be checked", folder),
                             report.error(), "name the folder of a store with --data");
  if (at.global.output == output_format::table)
    print_report(at, folder, *report);
  else
    print_json(at, view_report(folder, *report));
  at.world.out.flush();
  if (report->problems.empty()) {
    say(at, "the store is whole");
    return exit_code::done;
  }
  const std::size_t count = report->problems.size();
  return complain(at, exit_code::failed,
                  {fmt::format("the store in {} is damaged", folder),
                   fmt::format("{} problem{} found", count, count == 1 ? " was" : "s were"),
                   "keep a copy of the whole folder, then see what 'skein journal repair' says, or "
                   "restore a backup",
                   std::string{slug(errc::store_corrupt)}});
}

} // namespace

json view_report(const std::string& folder, const journal::verify_report& report) {
  return {{"folder", folder},
          {"store", report.store_id},
          {"whole", report.problems.empty()},
          {"commit", raw(report.last)},
          {"marked", report.marked ? json(raw(*report.marked)) : json{}},
          {"commits_checked", report.commits},
          {"states_checked", report.states},
          {"commits_without_checksum", report.unchecked_commits},
          {"events_without_checksum", report.unchecked_events},
          {"events", view_counts(report.counted.events)},
          {"deliveries", view_counts(report.counted.deliveries)},
          {"problems", report.problems}};
}

handler define_journal_verify(CLI::App& app) {
  auto folder = std::make_shared<std::optional<std::string>>();
  add_text(app, "--data", *folder, "DIR", "folder of the store (default ./skein-data)");
  return on_folder(folder, "check the server with pg_amcheck; each row is checked when it is read",
                   verify);
}

} // namespace skein::cli
