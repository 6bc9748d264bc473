#include "nodes/cli/options.hpp"

#include "nodes/cli/context.hpp"
#include "nodes/cli/exit_codes.hpp"
#include "nodes/config/nearest.hpp"
#include "protocol/ids.hpp"
#include "protocol/limits.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace skein::cli {

namespace {

constexpr std::string_view global_group = "Options of every command";
constexpr duration timeout_max = std::chrono::hours{24};

std::optional<std::uint32_t> parse_number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc{} || end != text.data() + text.size())
    return std::nullopt;
  return value;
}

std::string check_duration(const std::string& text, duration most) {
  const auto value = parse_duration(text);
  if (value && *value > duration{0} && *value <= most)
    return {};
  const auto number = parse_number(text);
  if (value || number == 0)
    return fmt::format("\"{}\" is not above 0s and at most {}", text, format_duration(most));
  if (number)
    return fmt::format("\"{0}\" has no unit; write {0}s, or {0} and one of ms, m, h, d", text);
  return fmt::format("\"{}\" is no duration; write 250ms, 10s, 5m, 2h or 1h30m, at most {}", text,
                     format_duration(most));
}

bool is_one_of(std::string_view word, std::string_view words) {
  const std::string all = fmt::format("|{}|", words);
  return !word.empty() && word.find('|') == std::string_view::npos &&
         all.find(fmt::format("|{}|", word)) != std::string::npos;
}

output_format to_output(std::string_view text) {
  return text == "json"    ? output_format::json
         : text == "jsonl" ? output_format::jsonl
                           : output_format::table;
}

/// "--key KEY", "-o,--output table|json|jsonl", "--wait[=TIME]", "EVENT"
std::string option_label(const CLI::Option& option) {
  if (option.get_positional() && option.get_lnames().empty())
    return option.get_name(true);
  std::string label = option.get_name(false, true);
  const std::string& text = option.get_option_text();
  if (!text.empty())
    label.append(text.starts_with('[') ? "" : " ").append(text);
  return label;
}

option_row row_of(const CLI::Option& option) {
  option_row row{option_label(option), option.get_description(), {}, option.get_option_text()};
  for (const std::string& name : option.get_snames())
    row.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames())
    row.names.push_back("--" + name);
  if (row.is_position() && row.value.empty())
    row.value = option.get_name(true);
  row.many = option.get_items_expected_max() > 1;
  return row;
}

} // namespace

// ---- what commands define ---------------------------------------------------------------------

void add_argument(CLI::App& app, const std::string& name, std::string& into,
                  const std::string& help, text_check check) {
  CLI::Option* option = app.add_option(name, into, help)->required();
  if (check != nullptr)
    option->check(check);
}

void add_choice_argument(CLI::App& app, const std::string& name, std::string& into,
                         const std::string& words, const std::string& help) {
  const auto check = [words](const std::string& text) -> std::string {
    return is_one_of(text, words) ? "" : fmt::format("\"{}\" is none of {}", text, words);
  };
  app.add_option(name, into, help)->required()->check(check)->option_text(words);
}

void add_optional_argument(CLI::App& app, const std::string& name, std::optional<std::string>& into,
                           const std::string& help) {
  add_text(app, name, into, "", help);
}

void add_arguments(CLI::App& app, const std::string& name, std::vector<std::string>& into,
                   bool required, const std::string& help, text_check check) {
  CLI::Option* option = app.add_option(name, into, help)->required(required);
  if (check != nullptr)
    option->check(check);
}

void add_flag(CLI::App& app, const std::string& name, bool& into, const std::string& help) {
  app.add_flag(name, into, help);
}

void add_text(CLI::App& app, const std::string& name, std::optional<std::string>& into,
              const std::string& label, const std::string& help) {
  CLI::Option* option = app.add_option_function<std::string>(
      name, [&into](const std::string& text) { into = text; }, help);
  option->option_text(label);
  if (label == "DIR" || label == "FILE")
    option->check([](const std::string& text) {
      return text.empty() ? std::string{"\"\" is no place in the file system"} : std::string{};
    });
}

void add_optional_duration(CLI::App& app, const std::string& name, std::optional<duration>& into,
                           duration plain, duration most, const std::string& help) {
  const CLI::callback_t read = [&into, plain](const CLI::results_t& texts) {
    into = texts.back() == "true" ? plain : parse_duration(texts.back());
    return into.has_value();
  };
  app.add_option(name, read, help)
      ->expected(0) // never the next argument, which may be a text to send
      ->check([most](const std::string& text) {
        return text == "true" ? std::string{} : check_duration(text, most);
      })
      ->option_text("[=TIME]");
}

void add_span(CLI::App& app, const std::string& name, std::optional<std::string>& into,
              duration most, const std::string& help) {
  app.add_option_function<std::string>(
         name, [&into](const std::string& text) { into = text; }, help)
      ->check([most](const std::string& text) { return check_duration(text, most); })
      ->option_text("TIME");
}

void add_time(CLI::App& app, const std::string& name, std::optional<std::string>& into,
              const std::string& help) {
  const auto check = [](const std::string& text) {
    return parse_time(text, no_instant)
               ? std::string{}
               : fmt::format(
                     "\"{}\" is no time; write 2026-08-16T09:00:00Z, or -1h for an hour ago", text);
  };
  app.add_option_function<std::string>(
         name, [&into](const std::string& text) { into = text; }, help)
      ->check(check)
      ->option_text("TIME");
}

void add_number(CLI::App& app, const std::string& name, std::optional<std::uint32_t>& into,
                std::uint32_t least, std::uint32_t most, const std::string& help) {
  const auto check = [least, most](const std::string& text) -> std::string {
    const auto value = parse_number(text);
    if (value && *value >= least && *value <= most)
      return {};
    return fmt::format("\"{}\" is no number from {} to {}", text, least, most);
  };
  app.add_option_function<std::string>(
         name, [&into](const std::string& text) { into = parse_number(text); }, help)
      ->check(check)
      ->option_text("N");
}

void add_choice(CLI::App& app, const std::string& name, std::optional<std::string>& into,
                const std::string& words, const std::string& help) {
  const auto check = [words](const std::string& text) -> std::string {
    return is_one_of(text, words) ? "" : fmt::format("\"{}\" is none of {}", text, words);
  };
  app.add_option_function<std::string>(
         name, [&into](const std::string& text) { into = text; }, help)
      ->check(check)
      ->option_text(words);
}

std::string check_event_id(const std::string& text) {
  return parse_event_id(text) ? "" : fmt::format("\"{}\" is no event; they look like 17-42", text);
}

std::optional<std::string> page_options::limit_text() const {
  return limit ? std::optional{std::to_string(*limit)} : std::nullopt;
}

void add_page(CLI::App& app, page_options& into) {
  add_number(app, "--limit", into.limit, 1, limits::page_rows_max,
             fmt::format("rows at most (default {})", limits::page_rows_default));
  add_text(app, "--after", into.after, "NEXT", "go on where the page before ended");
}

output_format output_of(const std::vector<std::string>& options) {
  constexpr std::string_view with_equals = "--output=";
  auto found = output_format::table;
  for (std::size_t i = 0; i < options.size() && options[i] != "--"; ++i) {
    const std::string_view each = options[i];
    if ((each == "-o" || each == "--output") && i + 1 < options.size())
      found = to_output(options[++i]);
    else if (each.starts_with(with_equals))
      found = to_output(each.substr(with_equals.size()));
    else if (each.starts_with("-o"))
      found = to_output(each.substr(2));
  }
  return found;
}

void add_globals(CLI::App& app, global_options& into) {
  const std::string group{global_group};
  app.add_option("--server", into.server, "node to talk to (SKEIN_SERVER)")
      ->option_text("URL")
      ->group(group);
  app.add_option("--token-file", into.token_file,
                 "file that holds the access token (SKEIN_TOKEN_FILE)")
      ->option_text("FILE")
      ->group(group);
  app.add_option("--ca-file", into.ca_file, "authorities to trust with https (SKEIN_CA_FILE)")
      ->option_text("FILE")
      ->group(group);
  app.add_option("--client-cert", into.client_cert,
                 "certificate and key to show with https (SKEIN_CLIENT_CERT)")
      ->option_text("FILE")
      ->group(group);
  const auto format = [&into](const std::string& text) { into.output = to_output(text); };
  app.add_option_function<std::string>("-o,--output", format,
                                       "form of the data; a table is made to fit a terminal")
      ->check([](const std::string& text) -> std::string {
        return is_one_of(text, "table|json|jsonl")
                   ? ""
                   : fmt::format("\"{}\" is none of table|json|jsonl", text);
      })
      ->option_text("table|json|jsonl")
      ->group(group);
  app.add_option_function<std::string>(
         "--timeout", [&into](const std::string& text) { into.timeout = *parse_duration(text); },
         "patience with one request (default 30s)")
      ->check([](const std::string& text) { return check_duration(text, timeout_max); })
      ->option_text("TIME")
      ->group(group);
  app.add_flag("--yes", into.yes, "do not ask before destructive changes")->group(group);
  app.add_flag("--dry-run", into.dry_run, "show what would be done, change nothing")->group(group);
  app.add_flag("--no-color", into.no_color, "no colours (NO_COLOR)")->group(group);
  app.add_flag("--no-headers", into.no_headers, "tables without their first line")->group(group);
}

std::vector<option_row> option_rows_of(const option_adder& define) {
  CLI::App app;
  app.set_help_flag();
  define(app);
  std::vector<option_row> rows;
  for (const CLI::Option* each : app.get_options())
    rows.push_back(row_of(*each));
  return rows;
}

// ---- what a person typed ----------------------------------------------------------------------

namespace {

/// `command` is empty where there is none.
std::string help_on(std::string_view command) {
  return fmt::format("skein help{}{}", command.empty() ? "" : " ", command);
}

std::string without_argument(std::string_view option) {
  return std::string{option.substr(0, option.find('='))};
}

bool has_arguments(const CLI::App& app) {
  const auto options = app.get_options();
  return std::any_of(options.begin(), options.end(),
                     [](const CLI::Option* each) { return each->get_positional(); });
}

int complain_of_option(context& at, const CLI::App& app, const std::string& option,
                       std::string_view command) {
  std::vector<std::string> names;
  for (const CLI::Option* each : app.get_options())
    for (const std::string& name : each->get_lnames())
      names.push_back("--" + name);
  const std::vector<std::string_view> known{names.begin(), names.end()};
  const auto near = nearest(option, known);
  return complain(at, exit_code::usage,
                  {fmt::format("there is no option {}", option),
                   near                 ? fmt::format("did you mean {}?", *near)
                   : has_arguments(app) ? "a value that begins with - stands behind --"
                                        : "",
                   help_on(command), "unknown-option"});
}

/// Among the arguments that no option or position took; empty if there is none.
std::string unknown_option(const std::vector<std::string>& rest) {
  const auto dashes = std::find(rest.begin(), rest.end(), "--"); // behind them is no option
  const auto found = std::find_if(rest.begin(), dashes, [](const std::string& each) {
    return each.size() > 1 && each[0] == '-';
  });
  return found == dashes ? std::string{} : without_argument(*found);
}

/// What an argument too many may have been meant as.
std::string where_it_belongs(const CLI::App& app) {
  struct home {
    const char* option;
    const char* label; // --data is no folder everywhere
    const char* what;
  };
  std::string where;
  for (const home& each : {home{"--config", "FILE", "a configuration is named with --config"},
                           home{"--data", "DIR", "a folder is named with --data"}})
    if (const CLI::Option* option = app.get_option_no_throw(each.option);
        option != nullptr && option->get_option_text() == each.label)
      where.append(where.empty() ? "" : ", ").append(each.what);
  return where.empty() ? "a text with spaces needs quotes around it" : where;
}

/// Arguments that no option or position took.
int complain_of_rest(context& at, const CLI::App& app, std::string_view command) {
  auto rest = app.remaining();
  if (const std::string option = unknown_option(rest); !option.empty())
    return complain_of_option(at, app, option, command);
  if (const auto dashes = std::find(rest.begin(), rest.end(), "--"); dashes != rest.end())
    rest.erase(dashes);
  const std::string first = rest.empty() ? "" : rest[0];
  const bool is_option = app.get_option_no_throw(without_argument(first)) != nullptr;
  return complain(at, exit_code::usage,
                  {fmt::format("\"{}\" is one argument too many", first),
                   is_option ? "-- ends the options" : where_it_belongs(app), help_on(command),
                   "invalid-argument"});
}

/// The option that takes one value and was given several times; nullptr if there is none.
const CLI::Option* repeated_option(const CLI::App& app) {
  for (const CLI::Option* each : app.get_options())
    if (each->count() > 1 && each->get_items_expected_max() <= 1 &&
        !each->get_option_text().empty())
      return each;
  return nullptr;
}

int complain_of_repeat(context& at, const CLI::Option& option, std::string_view command) {
  return complain(at, exit_code::usage,
                  {fmt::format("{} was given {} times", option.get_name(), option.count()),
                   "it takes one value", help_on(command), "invalid-argument"});
}

/// "--wait" when it is followed by "5s" as a word of its own; empty if there is no such pair.
std::string detached_duration(const CLI::App& app, const std::vector<std::string>& words) {
  for (std::size_t i = 0; i + 1 < words.size() && words[i] != "--"; ++i) {
    const CLI::Option* option = app.get_option_no_throw(words[i]);
    if (option != nullptr && option->get_option_text().starts_with("[=") &&
        parse_duration(words[i + 1]))
      return fmt::format("{}={}", words[i], words[i + 1]);
  }
  return {};
}

} // namespace

int parse_options(context& at, const option_adder& define, std::string_view command,
                  std::vector<std::string> words) {
  CLI::App app;
  app.set_help_flag();
  define(app);
  const std::string detached = detached_duration(app, words);
  std::reverse(words.begin(), words.end()); // as the library takes them
  try {
    app.parse(std::move(words));
  } catch (const CLI::ExtrasError&) {
    if (!detached.empty())
      return complain(at, exit_code::usage,
                      {"a time stands apart from its option", "the option may stand without one",
                       fmt::format("write {}", detached), "invalid-argument"});
    return complain_of_rest(at, app, command);
  } catch (const CLI::ParseError& problem) {
    if (const CLI::Option* repeated = repeated_option(app))
      return complain_of_repeat(at, *repeated, command);
    // What stands in the place of a missing argument tells more than that it is missing.
    if (dynamic_cast<const CLI::RequiredError*>(&problem) != nullptr)
      if (const std::string option = unknown_option(app.remaining()); !option.empty())
        return complain_of_option(at, app, option, command);
    const std::string what = problem.what();
    const bool empty = dynamic_cast<const CLI::ArgumentMismatch*>(&problem) != nullptr;
    return complain(at, exit_code::usage,
                    {empty ? what.substr(0, what.find(':')) + " needs a value" : what, "",
                     help_on(command), "invalid-argument"});
  }
  if (const CLI::Option* repeated = repeated_option(app))
    return complain_of_repeat(at, *repeated, command);
  return exit_code::done;
}

} // namespace skein::cli
