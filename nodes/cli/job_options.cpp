#include "nodes/cli/job_options.hpp"

#include "nodes/cli/exit_codes.hpp"
#include "nodes/cli/options.hpp"
#include "nodes/cli/output.hpp"
#include "nodes/cli/read_input.hpp"
#include "nodes/cli/suggest.hpp"
#include "nodes/config/config_keys.hpp"
#include "protocol/cloudevents.hpp"
#include "protocol/raw_json.hpp"
#include "protocol/utf8.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <vector>

namespace skein::cli {

namespace {

constexpr std::array schedule_keys{"at", "every", "cron", "heartbeat", "after"};

/// As the option of a key is called: --timeout is the patience of every command.
std::string option_of(std::string_view key) {
  if (key == "timeout")
    return "--run-timeout";
  std::string name = fmt::format("--{}", key);
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

/// The sentence of the key's table as the help has it.
std::string help_of(const config_key& key) {
  std::string text{key.doc};
  if (text.size() > 1 && text[1] >= 'a' && text[1] <= 'z')
    text[0] = static_cast<char>(text[0] | 0x20);
  if (text.ends_with('.'))
    text.pop_back();
  return text;
}

std::uint32_t bound_of(std::string_view text) {
  std::uint32_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::string label_of(const config_key& key) {
  switch (key.kind) {
    case value_kind::span:
    case value_kind::time:
      return "TIME";
    case value_kind::text_list:
      return "JOB[:RESULT],...";
    default:
      break;
  }
  std::string label{key.name == "cron" ? "EXPRESSION" : key.name};
  std::transform(label.begin(), label.end(), label.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 0x20) : c; });
  return label;
}

std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> parts;
  while (true) {
    const auto comma = std::min(list.find(','), list.size());
    parts.emplace_back(list.substr(0, comma));
    if (comma == list.size())
      return parts;
    list.remove_prefix(comma + 1);
  }
}

bool complain_of_data(context& at, std::string what, std::string why) {
  complain(at, exit_code::usage, {std::move(what), std::move(why), "", "invalid-argument"});
  return false;
}

bool put_json(context& at, const std::string& what, std::string_view text, json& definition) {
  if (auto checked = check_json(text); !checked)
    return complain_of_data(at, what + " is no JSON", checked.error().detail);
  definition["data"] = read_json<json>(text);
  return true;
}

bool put_data(context& at, const job_options& options, json& definition) {
  const int given =
      (options.data_text ? 1 : 0) + (options.data_json ? 1 : 0) + (options.data_file ? 1 : 0);
  if (given > 1)
    return complain_of_data(at, "the data is given more than once",
                            "one of --data, --data-json and --data-file");
  if (options.data_text)
    definition["data"] = *options.data_text;
  if (options.data_json)
    return put_json(at, "what --data-json says", *options.data_json, definition);
  if (!options.data_file)
    return true;
  const auto data = read_input(at, *options.data_file);
  if (!data)
    return false;
  if (is_meant_as_json(*data))
    return put_json(at, *options.data_file, *data, definition);
  if (!is_utf8(*data))
    return complain_of_data(at, fmt::format("the data file {} cannot be used", *options.data_file),
                            "the data of a job is JSON, or text in UTF-8");
  definition["data"] = *data;
  return true;
}

bool is_known(std::string_view key) { return find_key("job", key) != nullptr; }

bool unset_keys(context& at, const job_options& options, json& definition) {
  for (const std::string& word : split(options.unset.value_or(""))) {
    if (!options.unset)
      return true;
    std::string key = word;
    std::replace(key.begin(), key.end(), '-', '_');
    if (!is_known(key)) {
      complain_of_word(at, fmt::format("a job has no key \"{}\"", word), key, key_names("job"),
                       "skein help job edit", "invalid-argument");
      return false;
    }
    definition.erase(key);
  }
  return true;
}

/// Keys that options give.
std::set<std::string> keys_given(const job_options& options) {
  std::set<std::string> keys;
  for (const auto& [key, value] : options.texts)
    if (value)
      keys.insert(key);
  for (const auto& [key, value] : options.numbers)
    if (value)
      keys.insert(key);
  return keys;
}

bool gives_schedule(const std::set<std::string>& given) {
  return std::any_of(schedule_keys.begin(), schedule_keys.end(),
                     [&](const char* key) { return given.contains(key); });
}

/// What a job has where nothing is said, by its schedule: a definition that was looked up has it
/// written out.
std::map<std::string, std::string> defaults_by_schedule(const json& definition) {
  if (definition.contains("after"))
    return {{"type", "skein.job"}, {"priority", "job"}, {"overlap", "queue"}};
  const auto heartbeat = definition.find("heartbeat");
  if (heartbeat == definition.end())
    return {{"type", "skein.job"}, {"priority", "job"}, {"misfire", "once"}, {"overlap", "skip"}};
  // A run of a heartbeat has its period to end.
  return {{"type", "skein.heartbeat"},
          {"priority", "background"},
          {"misfire", "skip"},
          {"overlap", "skip"},
          {"timeout", cell_of(*heartbeat)}};
}

/// Another schedule takes the place of the one that was there.
void drop_former_schedule(const std::set<std::string>& given, json& definition) {
  for (const char* key : schedule_keys)
    if (!given.contains(key))
      definition.erase(key);
}

/// Defaults of the schedule that was there, where the one of now has others.
void drop_former_defaults(const json& before, const std::set<std::string>& given,
                          json& definition) {
  const auto now = defaults_by_schedule(definition);
  for (const auto& [key, value] : defaults_by_schedule(before)) {
    const auto same = now.find(key);
    if ((same == now.end() || same->second != value) && !given.contains(key) &&
        cell_of(definition, key) == value)
      definition.erase(key);
  }
}

/// What belonged to another schedule or rule than the definition has now would be refused.
void drop_what_no_longer_fits(const std::set<std::string>& given, json& definition) {
  const auto drop = [&](const char* key) {
    if (!given.contains(key))
      definition.erase(key);
  };
  if (gives_schedule(given)) {
    if (!given.contains("every") && !given.contains("heartbeat"))
      drop("anchor");
    if (!given.contains("cron"))
      for (const char* key : {"gap", "repeat"})
        drop(key);
    if (given.contains("after"))
      for (const char* key :
           {"misfire", "catch_up", "catch_up_max", "jitter", "start", "end", "breaker"})
        drop(key);
  }
  const char* const plain = definition.contains("heartbeat") ? "skip" : "once";
  const std::string misfire = cell_of(definition.value("misfire", json(plain)));
  if (misfire != "all")
    drop("catch_up_max");
  if (misfire == "skip")
    drop("catch_up");
}

} // namespace

void add_job_options(CLI::App& app, job_options& into) {
  for (const config_key& key : config_keys()) {
    if (key.section != "job" || key.kind == value_kind::any)
      continue;
    const std::string name{key.name};
    if (key.kind == value_kind::choice)
      add_choice(app, option_of(name), into.texts[name], std::string{key.choices}, help_of(key));
    else if (key.kind == value_kind::integer)
      add_number(app, option_of(name), into.numbers[name], bound_of(key.least), bound_of(key.most),
                 help_of(key));
    else
      add_text(app, option_of(name), into.texts[name], label_of(key), help_of(key));
  }
  add_text(app, "--data", into.data_text, "TEXT", "data of its events, a text");
  add_text(app, "--data-json", into.data_json, "JSON", "the data as JSON");
  add_text(app, "--data-file", into.data_file, "FILE",
           "the data of a file, JSON or text; - is standard input");
}

void add_unset(CLI::App& app, job_options& into) {
  add_text(app, "--unset", into.unset, "KEY,...", "these have their defaults again");
}

bool put_options(context& at, const job_options& options, json& definition) {
  const json before = definition;
  const auto given = keys_given(options);
  if (!unset_keys(at, options, definition))
    return false;
  for (const auto& [key, value] : options.texts)
    if (value && key == "after")
      definition[key] = split(*value);
    else if (value)
      definition[key] = *value;
  for (const auto& [key, value] : options.numbers)
    if (value)
      definition[key] = *value;
  if (!put_data(at, options, definition))
    return false;
  if (gives_schedule(given)) {
    drop_former_schedule(given, definition);
    drop_former_defaults(before, given, definition);
  }
  drop_what_no_longer_fits(given, definition);
  return true;
}

} // namespace skein::cli
