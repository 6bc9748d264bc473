// One command of the table: its words, its help, its options and what it does.
#pragma once

#include "nodes/cli/context.hpp"

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
}

namespace skein::cli {

/// Does the work and returns the exit status.
using handler = std::function<int(context&)>;

struct command {
  std::string_view noun;      // "event", or the whole of a command of one word: "send"
  std::string_view verb;      // "list"; empty for a command of one word
  std::string_view arguments; // as in the usage line: "EVENT..."; empty if none
  std::string_view help;      // one sentence
  std::string_view example;   // lines to copy, without the prompt; may be empty
  /// Adds the command's own options to `app`. The handler owns what they are read into.
  handler (*define)(CLI::App& app);
  bool hidden = false; // for scripts of our own: on no list, but with a page of help
};

/// All commands, in the order of the help page; hidden ones too.
std::span<const command> all_commands();

/// "event list"
std::string full_name(const command& which);

/// The command of these words; nullptr if there is none. `verb` is empty for one word.
const command* find_command(std::string_view noun, std::string_view verb);

/// Verbs of a noun, in the order of the table; empty for an unknown noun and for commands of one
/// word.
std::vector<std::string_view> verbs_of(std::string_view noun);
/// Each first word once, but for hidden commands.
std::vector<std::string_view> all_nouns();

} // namespace skein::cli
