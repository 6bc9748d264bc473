// From argv to a command: its words, and the rest for its options.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace skein::cli {

struct command_words {
  std::string noun;              // empty: no word was given
  std::string verb;              // empty if the noun takes none or none was given
  std::vector<std::string> rest; // everything else, in order
  bool help = false;             // -h or --help stands somewhere before "--"
  bool version = false;          // --version, likewise
  /// An option that is none of every command's stands before the command's words: nobody can know
  /// whether the word behind it is its value.
  std::string early_option;
};

/// Options of every command may stand anywhere; a command's own stand after its words.
command_words split_words(const std::vector<std::string>& arguments);

} // namespace skein::cli
