// What may stand at the end of a command line that is being typed: words of the command table,
// options as their commands define them, the choices that these have, and names that a node knows.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace skein::cli {

struct candidate {
  std::string word; // the whole word, what was typed of it included
  std::string help; // a few words for those shells that show them; may be empty
};

/// What a shell is to offer: these words, or paths by its own means.
enum class completion_kind { words, files, folders };

struct completion {
  completion_kind kind = completion_kind::words;
  std::vector<candidate> candidates;
};

/// A list of a node whose rows have names to offer.
struct live_list {
  std::string_view noun;   // "agent"
  std::string_view target; // "/v1/agents"
  std::string_view rows;   // the member with the rows
  std::string_view name;   // a row's member with the name
  std::string_view about;  // a row's member that says something of it; may be empty
};

/// The names of a list; none when nobody answers.
using name_source = std::function<std::vector<candidate>(const live_list&)>;

/// `words` are those behind the program's name. The last one is being typed: it may be empty, and
/// candidates begin with it.
completion complete(const std::vector<std::string>& words, const name_source& names);

/// The words of a line as a shell splits it, up to one that is being typed; the last may be empty.
std::vector<std::string> words_of_line(std::string_view line);

std::string_view to_string(completion_kind kind);

} // namespace skein::cli
