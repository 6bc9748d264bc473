// skein completion SHELL: the script. skein complete: what the scripts ask; it answers soon, and
// says nothing of what is wrong.
#include "nodes/cli/commands.hpp"
#include "nodes/cli/completion_engine.hpp"
#include "nodes/cli/completion_script.hpp"
#include "nodes/cli/exit_codes.hpp"
#include "nodes/cli/options.hpp"
#include "nodes/cli/output.hpp"
#include "nodes/cli/remote.hpp"
#include "nodes/logging/log_line.hpp"

#include <algorithm>
#include <memory>
#include <ostream>
#include <sstream>

namespace skein::cli {

namespace {

/// Whoever types does not want to wait for a node that is not there.
constexpr std::chrono::milliseconds node_patience{300};

/// Of the line that is being typed: which node it is about.
void read_server(const std::vector<std::string>& words, global_options& into) {
  for (const auto& [name, value] : {std::pair{"--server", &into.server},
                                    {"--token-file", &into.token_file},
                                    {"--ca-file", &into.ca_file},
                                    {"--client-cert", &into.client_cert}}) {
    const std::string with_equals = std::string{name} + "=";
    for (std::size_t i = 0; i + 1 < words.size(); ++i) // the last word is not there yet
      if (words[i] == name && i + 2 < words.size())
        *value = words[i + 1];
      else if (words[i].starts_with(with_equals))
        *value = words[i].substr(with_equals.size());
  }
}

/// The row's name, unless its control characters would make another one of it in the shell's line.
std::string name_of(const json& row, std::string_view member) {
  const auto found = row.find(std::string{member});
  if (found == row.end() || !found->is_string())
    return {};
  std::string name = found->get<std::string>();
  return escape_controls(name) == name ? name : std::string{};
}

std::vector<candidate> ask_names(context& at, const live_list& list) {
  std::vector<candidate> names;
  const auto answer = look_up(at, std::string{list.target});
  const auto rows = answer.body.find(std::string{list.rows});
  if (!answer || rows == answer.body.end() || !rows->is_array())
    return names;
  for (const json& row : *rows) {
    std::string name = name_of(row, list.name);
    const auto same = [&](const candidate& each) { return each.word == name; };
    if (!name.empty() && std::none_of(names.begin(), names.end(), same)) // a key of two lanes
      names.push_back({std::move(name), cell_of(row, list.about)});
  }
  return names;
}

int print_candidates(context& at, const std::vector<std::string>& words) {
  std::ostringstream unheard;
  surroundings quiet{at.world.in, at.world.out, unheard, false, false, false, at.world.environment};
  context asking{quiet, at.global, at.hooks};
  asking.global.timeout = node_patience;
  read_server(words, asking.global);
  const completion found =
      complete(words, [&](const live_list& list) { return ask_names(asking, list); });
  at.world.out << to_string(found.kind) << '\n';
  for (const candidate& each : found.candidates)
    at.world.out << each.word << '\t' << each.help << '\n';
  return exit_code::done;
}

struct complete_options {
  std::optional<std::string> line;
  std::vector<std::string> words;
};

} // namespace

handler define_complete(CLI::App& app) {
  auto options = std::make_shared<complete_options>();
  add_text(app, "--line", options->line, "LINE", "the line up to the cursor, program and all");
  add_arguments(app, "WORD", options->words, false,
                "or the words behind the program's name; the last one is being typed");
  return [options](context& at) {
    auto words = options->line ? words_of_line(*options->line) : options->words;
    if (options->line && !words.empty())
      words.erase(words.begin());
    return print_candidates(at, words);
  };
}

handler define_completion(CLI::App& app) {
  auto shell = std::make_shared<std::string>();
  add_choice_argument(app, "SHELL", *shell, "bash|zsh|fish", "bash, zsh or fish");
  return [shell](context& at) {
    at.world.out << completion_script(*shell);
    return exit_code::done;
  };
}

} // namespace skein::cli
