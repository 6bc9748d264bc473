#include "nodes/cli/run.hpp"

#include "nodes/cli/arguments.hpp"
#include "nodes/cli/commands.hpp"
#include "nodes/cli/exit_codes.hpp"
#include "nodes/cli/help.hpp"
#include "nodes/cli/options.hpp"
#include "nodes/cli/suggest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <sys/ioctl.h>
#include <unistd.h>

namespace skein::cli {

namespace {

int run_command(context& at, const command& which, std::vector<std::string> rest) {
  handler act;
  const auto define = [&](CLI::App& app) {
    act = which.define(app);
    add_globals(app, at.global);
  };
  if (const int exit = parse_options(at, define, full_name(which), std::move(rest));
      exit != exit_code::done)
    return exit;
  const int exit = act(at);
  at.world.out.flush();
  if (!at.world.out && exit == exit_code::done)
    return complain(at, exit_code::failed,
                    {"standard output cannot be written", "", "", "io-error"});
  return exit;
}

int show_help(context& at, const command_words& words) {
  const command* found = find_command(words.noun, words.verb);
  if (found == nullptr && words.noun.empty())
    at.world.out << help_of_all();
  else if (found == nullptr)
    at.world.out << help_of_noun(words.noun);
  else
    at.world.out << help_of_command(*found);
  return exit_code::done;
}

/// The words name no command.
int complain_of_words(context& at, const command_words& words) {
  const auto nouns = all_nouns();
  if (!words.early_option.empty())
    return complain(at, exit_code::usage,
                    {fmt::format("option {} stands before its command", words.early_option), "",
                     "skein COMMAND [OPTIONS]; see: skein help", "invalid-argument"});
  if (std::find(nouns.begin(), nouns.end(), words.noun) == nouns.end())
    return complain_of_word(at, fmt::format("there is no command \"{}\"", words.noun), words.noun,
                            nouns, "skein help");
  if (!words.verb.empty())
    return complain_of_word(at, fmt::format("{} has no verb \"{}\"", words.noun, words.verb),
                            words.verb, verbs_of(words.noun),
                            fmt::format("skein help {}", words.noun));
  if (at.global.output != output_format::table)
    return complain(at, exit_code::usage,
                    {fmt::format("{} needs a verb", words.noun),
                     fmt::format("there are: {}", fmt::join(verbs_of(words.noun), ", ")),
                     fmt::format("skein help {}", words.noun), "invalid-argument"});
  at.world.err << help_of_noun(words.noun);
  return exit_code::usage;
}

int dispatch(context& at, const command_words& words) {
  const command* found = find_command(words.noun, words.verb);
  const bool known = found != nullptr || (words.verb.empty() && !verbs_of(words.noun).empty());
  if (words.version) // a command's own options mean nothing to it
    return run_command(at, *find_command("version", ""),
                       words.noun.empty() ? words.rest : std::vector<std::string>{});
  if (words.help && (known || words.noun.empty()))
    return show_help(at, words);
  if (words.noun.empty() && words.early_option.empty()) {
    const auto define = [&](CLI::App& app) { add_globals(app, at.global); };
    const int exit = parse_options(at, define, "", words.rest);
    return exit == exit_code::done ? show_help(at, words) : exit;
  }
  if (found == nullptr || !words.early_option.empty())
    return complain_of_words(at, words);
  return run_command(at, *found, words.rest);
}

} // namespace

int run_in(surroundings& world, const std::vector<std::string>& arguments, const cli_hooks& hooks) {
  context at{world, {}, hooks};
  for (const auto& [variable, option] : {std::pair{"SKEIN_SERVER", &at.global.server},
                                         {"SKEIN_TOKEN_FILE", &at.global.token_file},
                                         {"SKEIN_CA_FILE", &at.global.ca_file},
                                         {"SKEIN_CLIENT_CERT", &at.global.client_cert}})
    if (const auto value = world.environment(variable); value && !value->empty())
      *option = *value;
  if (const auto no_color = world.environment("NO_COLOR"); no_color && !no_color->empty())
    at.global.no_color = true;
  try {
    const command_words words = split_words(arguments);
    // Known before anything is judged, so that every error has its form.
    at.global.output = output_of(words.rest);
    return dispatch(at, words);
  } catch (const std::exception& problem) {
    return complain(at, exit_code::failed,
                    {"something went wrong inside of the command line", problem.what(),
                     "report this with the command that you typed", "internal"});
  }
}

namespace {

/// COLUMNS is the width of the terminal itself where there is one: a shell sets the variable for
/// itself alone, and it does not follow the window.
std::optional<std::string> from_process(const char* name) {
  if (winsize window{}; name == std::string_view{"COLUMNS"} &&
                        ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0)
    return std::to_string(window.ws_col);
  const char* value = std::getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string>{value};
}

} // namespace

int run(int argc, char** argv, const cli_hooks& hooks) {
  surroundings world{std::cin,
                     std::cout,
                     std::cerr,
                     ::isatty(STDIN_FILENO) == 1,
                     ::isatty(STDOUT_FILENO) == 1,
                     ::isatty(STDERR_FILENO) == 1,
                     from_process};
  std::vector<std::string> arguments;
  for (int i = 1; i < argc; ++i)
    arguments.emplace_back(argv[i]);
  return run_in(world, arguments, hooks);
}

} // namespace skein::cli
