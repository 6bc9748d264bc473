// Options as all commands define them: one way for texts, durations, numbers and choices, with one
// wording of what is legal. Nothing else uses the library below, which is slow to compile.
#pragma once

#include "protocol/time.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
} // namespace CLI

namespace skein::cli {

enum class output_format;
struct context;
struct global_options;

/// Empty if the text is legal, else what is wrong with it.
using text_check = std::string (*)(const std::string& text);

/// A position: must be given.
void add_argument(CLI::App& app, const std::string& name, std::string& into,
                  const std::string& help, text_check check = nullptr);
/// A position that must be one of `words`, separated by '|'.
void add_choice_argument(CLI::App& app, const std::string& name, std::string& into,
                         const std::string& words, const std::string& help);
/// A position that may be left out.
void add_optional_argument(CLI::App& app, const std::string& name, std::optional<std::string>& into,
                           const std::string& help);
/// One or more (or none, if not `required`), to the end of the line.
void add_arguments(CLI::App& app, const std::string& name, std::vector<std::string>& into,
                   bool required, const std::string& help, text_check check = nullptr);

void add_flag(CLI::App& app, const std::string& name, bool& into, const std::string& help);

/// `label` stands for the value in the help: "KEY".
void add_text(CLI::App& app, const std::string& name, std::optional<std::string>& into,
              const std::string& label, const std::string& help);

/// "--name", which means `plain`, or "--name=TIME", above zero and at most `most`.
void add_optional_duration(CLI::App& app, const std::string& name, std::optional<duration>& into,
                           duration plain, duration most, const std::string& help);

/// "--name TIME", passed on as it is; above zero and at most `most`.
void add_span(CLI::App& app, const std::string& name, std::optional<std::string>& into,
              duration most, const std::string& help);

/// RFC 3339, or back from now: "-1h". Passed on as it is: the node's clock counts.
void add_time(CLI::App& app, const std::string& name, std::optional<std::string>& into,
              const std::string& help);

void add_number(CLI::App& app, const std::string& name, std::optional<std::uint32_t>& into,
                std::uint32_t least, std::uint32_t most, const std::string& help);

/// One of `words`, separated by '|'.
void add_choice(CLI::App& app, const std::string& name, std::optional<std::string>& into,
                const std::string& words, const std::string& help);

/// Of an event's number: a typing error must not come to light after others were acted on.
std::string check_event_id(const std::string& text);

/// --limit and --after of every list.
struct page_options {
  std::optional<std::uint32_t> limit;
  std::optional<std::string> after;

  /// As a query parameter.
  std::optional<std::string> limit_text() const;
};
void add_page(CLI::App& app, page_options& into);

/// What -o or --output says among options that were not judged yet; a table if nothing legal.
output_format output_of(const std::vector<std::string>& options);

/// The options of every command.
void add_globals(CLI::App& app, global_options& into);

/// Adds a command's options, with where they are read into.
using option_adder = std::function<void(CLI::App&)>;

/// An option or a position as it was defined.
struct option_row {
  std::string label; // "--key KEY", "-o,--output table|json|jsonl", "--wait[=TIME]", "EVENT"
  std::string help;
  std::vector<std::string> names; // "-o", "--output"; none: a position
  std::string value;              // "KEY", "table|json|jsonl", "[=TIME]"; empty: it takes none
  bool many = false;              // takes more than one

  bool is_position() const { return names.empty(); }
  /// Whether its value stands in a word of its own.
  bool takes_word() const { return !value.empty() && !value.starts_with('['); }
};
std::vector<option_row> option_rows_of(const option_adder& define);

/// Reads the words behind a command into where its options say. What is wrong with them is told,
/// with the command's name, if there is one, for its help page; the exit status then is not 0.
int parse_options(context& at, const option_adder& define, std::string_view command,
                  std::vector<std::string> words);

} // namespace skein::cli
