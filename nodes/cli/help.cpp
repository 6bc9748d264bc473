#include "nodes/cli/help.hpp"

#include "nodes/cli/commands.hpp"
#include "nodes/cli/exit_codes.hpp"
#include "nodes/cli/options.hpp"
#include "nodes/cli/suggest.hpp"
#include "protocol/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>

namespace skein::cli {

namespace {

constexpr std::size_t left_max = 30; // a longer left side has its text on the next line

std::string two_columns(const help_rows& rows) {
  std::size_t width = 0;
  for (const auto& [left, right] : rows)
    if (left.size() <= left_max)
      width = std::max(width, left.size());
  std::string out;
  for (const auto& [left, right] : rows) {
    if (left.size() > left_max)
      out += fmt::format("  {}\n  {:<{}}  {}\n", left, "", width, right);
    else
      out += fmt::format("  {:<{}}  {}\n", left, width, right);
  }
  return out;
}

help_rows option_rows(const option_adder& define) {
  help_rows rows;
  for (option_row& each : option_rows_of(define))
    rows.emplace_back(std::move(each.label), std::move(each.help));
  return rows;
}

std::string examples(std::string_view lines) {
  std::string out;
  while (!lines.empty()) {
    const auto end = std::min(lines.find('\n'), lines.size());
    out.append("  ").append(lines.substr(0, end)).append("\n");
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  return out;
}

help_rows command_rows(std::string_view noun) {
  help_rows rows;
  for (const command& each : all_commands())
    if (noun.empty() ? !each.hidden : each.noun == noun)
      rows.emplace_back(full_name(each) + (each.arguments.empty() ? "" : " ") +
                            std::string{each.arguments},
                        each.help);
  return rows;
}

std::string global_help() {
  global_options ignored;
  const auto rows = option_rows([&](CLI::App& app) { add_globals(app, ignored); });
  return "Options of every command:\n" + two_columns(rows) + "  -h,--help, --version\n";
}

std::string help_of_exit_codes() {
  help_rows rows;
  for (const exit_code_row& each : exit_codes())
    rows.emplace_back(fmt::format("{:>3}", each.code), each.meaning);
  return "Exit codes; scripts may rely on them:\n" + two_columns(rows);
}

std::string help_of_errors() {
  return "Codes of errors, the same on the command line, over HTTP and in the log:\n" +
         two_columns(error_rows()) + "\nOf the command line alone:\n" +
         two_columns(command_error_rows());
}

std::string help_of_environment() {
  return "Variables; an option on the command line wins:\n" + two_columns(environment_rows());
}

} // namespace

help_rows error_rows() {
  help_rows rows;
  for (const errc each : all_errc())
    if (each != errc::none)
      rows.emplace_back(slug(each), sentence(each));
  return rows;
}

help_rows command_error_rows() {
  return {{"unknown-command", "There is no such command, verb or topic."},
          {"unknown-option", "The command has no such option."},
          {"unreachable", "No node answers at the server's address."},
          {"untrusted", "The server is not who it should be, or speaks no TLS."},
          {"connection-lost", "The connection ended before the whole answer came."},
          {"interrupted", "Ctrl-C ended it."},
          {"dead", "The event that was waited for has failed for good."},
          {"expired", "The event that was waited for was not run in time."},
          {"cancelled", "The event that was waited for was cancelled."},
          {"superseded", "A newer event took the place of the one waited for."}};
}

help_rows environment_rows() {
  return {{"SKEIN_SERVER", "node to talk to, as --server"},
          {"SKEIN_TOKEN_FILE", "file that holds the access token, as --token-file"},
          {"SKEIN_CA_FILE", "authorities to trust with https, as --ca-file"},
          {"SKEIN_CLIENT_CERT", "to show with https, as --client-cert"},
          {"SKEIN_LOG_LEVEL", "of dev and start, as --log-level"},
          {"COLUMNS", "width that tables fit where the terminal does not tell its own"},
          {"NO_COLOR", "no colours if it is set and not empty, as --no-color"}};
}

std::string help_of_all() {
  return "Skein runs bots, agents and automations as one durable event system.\n\n"
         "Usage: skein COMMAND [OPTIONS]\n\nCommands:\n" +
         two_columns(command_rows("")) + "\n" + global_help() +
         "\nStart with: skein dev\nMore: skein help COMMAND, skein help exit-codes\n";
}

std::string help_of_noun(std::string_view noun) {
  if (verbs_of(noun).empty())
    return {};
  return fmt::format("Usage: skein {} VERB [OPTIONS]\n\nVerbs:\n", noun) +
         two_columns(command_rows(noun)) + fmt::format("\nMore: skein help {} VERB\n", noun);
}

std::string help_of_command(const command& which) {
  handler ignored; // owns what the options are read into
  const help_rows own = option_rows([&](CLI::App& app) { ignored = which.define(app); });
  std::string out = fmt::format("{}\n\nUsage: skein {}{}{}{}\n", which.help, full_name(which),
                                which.arguments.empty() ? "" : " ", which.arguments,
                                own.empty() ? "" : " [OPTIONS]");
  if (!own.empty())
    out += "\n" + two_columns(own);
  out += "\n" + global_help();
  if (!which.example.empty())
    out += "\nExamples:\n" + examples(which.example);
  return out;
}

std::vector<std::string_view> all_topics() { return {"exit-codes", "errors", "environment"}; }

std::string help_of_topic(std::string_view topic) {
  if (topic == "exit-codes")
    return help_of_exit_codes();
  if (topic == "errors")
    return help_of_errors();
  return topic == "environment" ? help_of_environment() : std::string{};
}

// ---- skein help -------------------------------------------------------------------------------

namespace {

/// How many of the words, from the first on, have a page.
std::size_t words_with_page(const std::vector<std::string>& words) {
  if (words.size() > 1 && find_command(words[0], words[1]) != nullptr)
    return 2;
  const bool has_page = find_command(words[0], "") != nullptr || !help_of_topic(words[0]).empty();
  return has_page ? 1 : 0;
}

int show_help(context& at, const std::vector<std::string>& words) {
  std::string page;
  if (words.empty())
    page = help_of_all();
  else if (words.size() == 1)
    page = help_of_topic(words[0]) + help_of_noun(words[0]);
  if (const auto* found = words.empty() || words.size() > 2
                              ? nullptr
                              : find_command(words[0], words.size() == 2 ? words[1] : "");
      found != nullptr)
    page = help_of_command(*found);
  if (page.empty()) {
    if (const std::size_t known = words_with_page(words); known > 0)
      return complain(
          at, exit_code::usage,
          {fmt::format("\"{}\" is one word too many", words[known]), "",
           fmt::format(
               "skein help {}",
               fmt::join(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(known), " ")),
           "invalid-argument"});
    if (words.size() > 1 && !verbs_of(words[0]).empty())
      return complain_of_word(at, fmt::format("{} has no verb \"{}\"", words[0], words[1]),
                              words[1], verbs_of(words[0]), fmt::format("skein help {}", words[0]));
    auto known = all_nouns();
    for (const std::string_view each : all_topics())
      known.push_back(each);
    return complain_of_word(at, fmt::format("there is no topic \"{}\"", words[0]), words[0], known,
                            "skein help");
  }
  at.world.out << page;
  return exit_code::done;
}

} // namespace

handler define_help(CLI::App& app) {
  auto words = std::make_shared<std::vector<std::string>>();
  add_arguments(app, "TOPIC", *words, false, "a command or a topic");
  return [words](context& at) { return show_help(at, *words); };
}

} // namespace skein::cli
