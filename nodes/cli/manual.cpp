#include "nodes/cli/manual.hpp"

#include "nodes/cli/command.hpp"
#include "nodes/cli/exit_codes.hpp"
#include "nodes/cli/help.hpp"
#include "nodes/cli/options.hpp"
#include "nodes/cli/roff.hpp"

#include <fmt/format.h>

namespace skein::cli {

namespace {

using roff::bold;
using roff::italic;
using roff::plain;

/// "-o, --output table|json|jsonl"
std::string label_of(const option_row& row) {
  if (row.is_position())
    return italic(row.label);
  std::string out;
  for (const std::string& name : row.names)
    out += (out.empty() ? "" : ", ") + bold(name);
  if (row.takes_word())
    return out + " " + italic(row.value);
  return out + plain(row.value);
}

void add_options(roff_page& page, const option_adder& define) {
  for (const option_row& each : option_rows_of(define))
    page.item(label_of(each), each.help);
}

void add_rows(roff_page& page, const help_rows& rows) {
  for (const auto& [left, right] : rows)
    page.item(bold(left), right);
}

std::string usage_of(const command& which) {
  std::string out = bold("skein " + full_name(which));
  if (!which.arguments.empty())
    out += " " + italic(which.arguments);
  return out;
}

bool has_options(const command& which) {
  handler ignored;
  return !option_rows_of([&](CLI::App& app) { ignored = which.define(app); }).empty();
}

/// What the command does, takes and looks like.
void describe(roff_page& page, const command& which) {
  page.paragraph(which.help);
  handler ignored;
  add_options(page, [&](CLI::App& app) { ignored = which.define(app); });
  if (!which.example.empty())
    page.verbatim(which.example);
}

/// "Run one node of a configuration." as the line behind a page's name.
std::string about(std::string_view noun) {
  const command* alone = find_command(noun, "");
  if (alone == nullptr)
    return fmt::format("skein {}: {}", noun, fmt::join(verbs_of(noun), ", "));
  std::string line{alone->help.substr(0, alone->help.size() - 1)};
  line[0] = static_cast<char>(line[0] | 0x20);
  return line;
}

std::string name_of(std::string_view noun) { return fmt::format("skein-{}", noun); }

void see(roff_page& page, const std::vector<std::string>& others) {
  page.heading("SEE ALSO");
  std::string line;
  for (const std::string& each : others)
    line += (line.empty() ? "" : ", ") + bold(each.substr(0, each.find('('))) +
            plain(each.substr(each.find('(')));
  page.line(line);
}

manual_page page_of(std::string_view noun) {
  roff_page page{name_of(noun), '1', about(noun)};
  page.heading("SYNOPSIS");
  for (const command& each : all_commands())
    if (each.noun == noun)
      page.line(usage_of(each) + (has_options(each) ? " [" + italic("OPTIONS") + "]" : ""));
  const command* alone = find_command(noun, "");
  page.heading(alone != nullptr ? "DESCRIPTION" : "COMMANDS");
  for (const command& each : all_commands()) {
    if (each.noun != noun)
      continue;
    if (alone == nullptr)
      page.subheading(fmt::format("skein {}{}{}", full_name(each),
                                  each.arguments.empty() ? "" : " ", each.arguments));
    describe(page, each);
  }
  page.heading("EXIT STATUS");
  page.line(plain("As of every command, and so are the options that all have: see ") +
            bold("skein") + "(1).");
  see(page, {"skein(1)", "cluster.toml(5)"});
  return {name_of(noun), '1', page.text()};
}

manual_page page_of_all() {
  roff_page page{"skein", '1', "bots, agents and automations as one durable event system"};
  page.heading("SYNOPSIS");
  page.line(bold("skein") + " " + italic("COMMAND") + " [" + italic("OPTIONS") + "]");
  page.heading("DESCRIPTION");
  page.paragraph("Runs nodes, publishes events, and shows and changes what nodes do. Data is on "
                 "standard output, all talk on standard error.");
  page.heading("COMMANDS");
  std::vector<std::string> others;
  for (const std::string_view noun : all_nouns())
    others.push_back(name_of(noun) + "(1)");
  for (const command& each : all_commands())
    if (!each.hidden)
      page.item(usage_of(each), each.help);
  page.heading("OPTIONS");
  page.paragraph("Every command takes these; they may stand anywhere.");
  global_options ignored;
  add_options(page, [&](CLI::App& app) { add_globals(app, ignored); });
  page.item(bold("-h") + ", " + bold("--help"), "the page of a command");
  page.item(bold("--version"), "which Skein this is");
  page.heading("ENVIRONMENT");
  add_rows(page, environment_rows());
  page.heading("EXIT STATUS");
  for (const exit_code_row& each : exit_codes())
    page.item(bold(std::to_string(each.code)), each.meaning);
  page.heading("ERRORS");
  page.paragraph("What went wrong is told with a code, the same over HTTP and in the log:");
  add_rows(page, error_rows());
  page.paragraph("Of the command line alone:");
  add_rows(page, command_error_rows());
  others.emplace_back("cluster.toml(5)");
  see(page, others);
  return {"skein", '1', page.text()};
}

} // namespace

std::vector<manual_page> manual_pages() {
  std::vector<manual_page> pages{page_of_all()};
  for (const std::string_view noun : all_nouns())
    pages.push_back(page_of(noun));
  pages.push_back(manual_of_config());
  return pages;
}

} // namespace skein::cli
