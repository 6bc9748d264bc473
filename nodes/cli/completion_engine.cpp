#include "nodes/cli/completion_engine.hpp"

#include "nodes/cli/arguments.hpp"
#include "nodes/cli/command.hpp"
#include "nodes/cli/context.hpp"
#include "nodes/cli/help.hpp"
#include "nodes/cli/options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace skein::cli {

namespace {

// The newest of what there may be millions of.
constexpr std::array lists{
    live_list{"agent", "/v1/agents", "agents", "name", "kind"},
    live_list{"dead", "/v1/dead?limit=50", "dead", "event", "type"},
    live_list{"event", "/v1/events?limit=50", "events", "event", "type"},
    live_list{"job", "/v1/jobs", "jobs", "job", "schedule"},
    live_list{"key", "/v1/lanes?limit=50", "lanes", "key", "agent"},
    live_list{"node", "/v1/nodes", "nodes", "node", "state"},
    live_list{"peer", "/v1/peers", "peers", "name", "state"},
    live_list{"token", "/v1/tokens", "tokens", "name", "role"},
};

using option_rows = std::vector<option_row>;

/// The command's own, and behind them those of every command.
option_rows options_of(const command* which) {
  global_options ignored;
  handler owner; // of what the command's options are read into
  return option_rows_of([&](CLI::App& app) {
    if (which != nullptr)
      owner = which->define(app);
    add_globals(app, ignored);
  });
}

const option_row* find_option(const option_rows& rows, std::string_view word) {
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const option_row& each) {
    return std::find(each.names.begin(), each.names.end(), word) != each.names.end();
  });
  return found == rows.end() ? nullptr : &*found;
}

/// Where the word that is being typed stands among what is behind the command's words.
struct place {
  const option_row* option = nullptr; // it is the value of this one
  std::size_t position = 0;           // else of this number, if it is no option
  bool options_ended = false;         // "--" stands before it
};

place place_of(const std::vector<std::string>& before, const option_rows& rows) {
  place out;
  for (const std::string& each : before) {
    if (out.option != nullptr) {
      out.option = nullptr;
    } else if (!out.options_ended && each == "--") {
      out.options_ended = true;
    } else if (!out.options_ended && each.size() > 1 && each[0] == '-') {
      const option_row* found = find_option(rows, each);
      out.option = found != nullptr && found->takes_word() ? found : nullptr;
    } else {
      ++out.position;
    }
  }
  return out;
}

/// "text|json": words to choose from; what stands for a value has capitals.
bool is_choice(std::string_view value) {
  return !value.empty() && value[0] >= 'a' && value[0] <= 'z';
}

/// Of a name that is to be new, no known one is offered.
bool makes_new(const command& which) { return which.verb == "create"; }

/// The list that a value's names stand in; nullptr if it is none of theirs. `option` is empty for a
/// position.
const live_list* list_for(const command* which, std::string_view option, std::string_view value) {
  const std::string_view noun = which == nullptr ? "" : which->noun;
  const bool creates = option.empty() && which != nullptr && makes_new(*which);
  std::string_view wanted;
  if (value == "AGENT")
    wanted = "agent";
  else if (value == "EVENT")
    wanted = noun == "dead" ? noun : "event";
  else if (value == "KEY" && (option == "--key" || noun == "key"))
    wanted = "key";
  else if (value.starts_with("JOB"))
    wanted = "job";
  else if (value == "NAME" && !creates)
    wanted = option.empty() ? noun : option.substr(2);
  const auto found = std::find_if(lists.begin(), lists.end(),
                                  [&](const live_list& each) { return each.noun == wanted; });
  return found == lists.end() ? nullptr : &*found;
}

class completer {
 public:
  completer(const command* which, const option_rows& rows, const std::vector<std::string>& before,
            const std::string& typed, const name_source& names)
    : which_{which}, rows_{rows}, before_{before}, typed_{typed}, names_{names} {}

  completion value_of(const option_row& row) {
    const std::string_view option = row.is_position() ? std::string_view{} : row.names.back();
    offer_values(option, row.value);
    return std::move(out_);
  }

  /// "--state=ret"
  completion value_within() {
    const auto equals = typed_.find('=');
    const option_row* found = find_option(rows_, typed_.substr(0, equals));
    if (found == nullptr || !found->takes_word())
      return std::move(out_);
    lead_ = typed_.substr(0, equals + 1);
    return value_of(*found);
  }

  completion options() {
    for (const option_row& each : rows_)
      if (!each.is_position() && !is_given(each))
        add(each.names.back(), each.help);
    add("--help", "the page of a command");
    add("--version", "which Skein this is");
    return std::move(out_);
  }

  completion position(std::size_t number, bool options_ended) {
    std::vector<const option_row*> positions;
    for (const option_row& each : rows_)
      if (each.is_position())
        positions.push_back(&each);
    const bool goes_on = !positions.empty() && positions.back()->many;
    if (number >= positions.size() && !goes_on)
      return options_ended ? std::move(out_) : options();
    const option_row& row = *positions[std::min(number, positions.size() - 1)];
    return row.value == "TOPIC" ? topic(number) : value_of(row);
  }

  completion first_words() {
    for (const std::string_view noun : all_nouns())
      add(noun, about_noun(noun));
    return std::move(out_);
  }

  completion verbs(std::string_view noun) {
    for (const std::string_view verb : verbs_of(noun))
      add(verb, find_command(noun, verb)->help);
    return std::move(out_);
  }

 private:
  static std::string about_noun(std::string_view noun) {
    const command* alone = find_command(noun, "");
    return alone != nullptr ? std::string{alone->help}
                            : fmt::format("{}", fmt::join(verbs_of(noun), ", "));
  }

  /// Of `help`: what it explains, and behind a noun its verbs.
  completion topic(std::size_t number) {
    if (number > 0)
      return before_.size() == 1 ? verbs(before_[0]) : std::move(out_);
    for (const std::string_view each : all_topics())
      add(each, "a topic");
    return first_words();
  }

  void offer_values(std::string_view option, std::string_view value) {
    if (value == "FILE" || value == "DIR") {
      out_.kind = value == "FILE" ? completion_kind::files : completion_kind::folders;
    } else if (is_choice(value)) {
      for (auto rest = value; !rest.empty();) {
        const auto end = std::min(rest.find('|'), rest.size());
        add(rest.substr(0, end), "");
        rest.remove_prefix(std::min(end + 1, rest.size()));
      }
    } else if (const live_list* list = list_for(which_, option, value)) {
      if (value.ends_with(",...")) // of a list, the last one is being typed
        lead_ += typed_.substr(lead_.size(), typed_.rfind(',') + 1 - lead_.size());
      for (const candidate& each : names_(*list))
        add(each.word, each.help);
    }
  }

  bool is_given(const option_row& row) const {
    return !row.many && std::any_of(before_.begin(), before_.end(), [&](const std::string& word) {
      const std::string name = word.substr(0, word.find('='));
      return std::find(row.names.begin(), row.names.end(), name) != row.names.end();
    });
  }

  void add(std::string_view word, std::string_view help) {
    std::string whole = lead_ + std::string{word};
    const bool is_there = std::find(before_.begin(), before_.end(), whole) != before_.end();
    if (whole.starts_with(typed_) && !is_there)
      out_.candidates.push_back({std::move(whole), std::string{help}});
  }

  const command* which_;
  const option_rows& rows_;
  const std::vector<std::string>& before_; // behind the command's words
  const std::string& typed_;
  const name_source& names_;
  std::string lead_; // what of the typed word stands before the value
  completion out_;
};

} // namespace

completion complete(const std::vector<std::string>& words, const name_source& names) {
  const std::string typed = words.empty() ? "" : words.back();
  const command_words before =
      split_words({words.begin(), words.empty() ? words.end() : words.end() - 1});
  const command* which = find_command(before.noun, before.verb);
  const option_rows rows = options_of(which);
  const place here = place_of(before.rest, rows);
  completer at{which, rows, before.rest, typed, names};
  if (here.option != nullptr)
    return at.value_of(*here.option);
  if (!here.options_ended && typed.starts_with('-'))
    return typed.find('=') == std::string::npos ? at.options() : at.value_within();
  if (which != nullptr)
    return at.position(here.position, here.options_ended);
  if (before.noun.empty())
    return at.first_words();
  return before.verb.empty() ? at.verbs(before.noun) : completion{};
}

std::vector<std::string> words_of_line(std::string_view line) {
  std::vector<std::string> words{""};
  bool open = false; // the last word goes on
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote != 0 && c == quote) {
      quote = 0;
    } else if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
      open = true;
    } else if (c == '\\' && quote != '\'' && i + 1 < line.size()) {
      words.back() += line[++i];
      open = true;
    } else if (quote == 0 && (c == ' ' || c == '\t' || c == '\n')) {
      if (open)
        words.emplace_back();
      open = false;
    } else {
      words.back() += c;
      open = true;
    }
  }
  return words;
}

std::string_view to_string(completion_kind kind) {
  switch (kind) {
    case completion_kind::files:
      return "files";
    case completion_kind::folders:
      return "folders";
    case completion_kind::words:
      break;
  }
  return "words";
}

} // namespace skein::cli
