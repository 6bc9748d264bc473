// skein config check | show
#include "nodes/cli/commands.hpp"
#include "nodes/cli/config_errors.hpp"
#include "nodes/cli/exit_codes.hpp"
#include "nodes/cli/options.hpp"
#include "nodes/cli/output.hpp"
#include "nodes/config/byte_size.hpp"
#include "nodes/config/http_address.hpp"
#include "nodes/config/load_config.hpp"
#include "protocol/raw_json.hpp"

#include <fmt/format.h>

#include <array>
#include <memory>
#include <ostream>
#include <variant>

namespace skein::cli {

namespace {

constexpr std::array columns{column{"SECTION", "section", weight::whole},
                             column{"KEY", "key", weight::whole},
                             column{"VALUE", "value", weight::text}, column{"ORIGIN", "origin"},
                             column{"TAKES EFFECT", "effect", weight::note}};

std::string counted(std::size_t count, std::string_view word) {
  return fmt::format("{} {}{}", count, word, count == 1 ? "" : "s");
}

json view_problem(const config_problem& problem) {
  return {{"level", problem.level == problem_level::error ? "error" : "warning"},
          {"line", problem.at.line},
          {"column", problem.at.column},
          {"where", problem.where},
          {"what", problem.what},
          {"legal", problem.legal}};
}

json view_problems(const loaded_config& loaded) {
  json rows = json::array();
  for (const config_problem& each : loaded.problems)
    rows.push_back(view_problem(each));
  return rows;
}

/// What a file does not show: whether somebody has a token for a node that others can reach.
void tell_of_tokens(context& at, const loaded_config& loaded) {
  for (const node_config& each : loaded.config.nodes)
    if (!is_loopback(each.http_host))
      say(at,
          fmt::format("node {} starts only if somebody has a token; the first one is made with: "
                      "skein token create --role admin --config {} --node {}",
                      each.name, loaded.file, each.name));
}

int check(context& at, const std::string& file) {
  const loaded_config loaded = load_config_file(file);
  if (at.global.output != output_format::table)
    print_json(at,
               {{"file", loaded.file}, {"ok", loaded.ok()}, {"problems", view_problems(loaded)}});
  else
    at.world.err << problem_lines(loaded);
  if (!loaded.ok())
    return complain_of_config(at, loaded, true);
  if (at.global.output == output_format::table)
    at.world.out << fmt::format(
        "{}: ok: {}, {}, {}, {}\n", loaded.file, counted(loaded.config.nodes.size(), "node"),
        counted(loaded.config.agents.size(), "agent"),
        counted(loaded.config.routes.size(), "route"), counted(loaded.config.jobs.size(), "job"));
  if (at.global.output == output_format::table)
    tell_of_tokens(at, loaded);
  return exit_code::done;
}

/// What the file would have, as JSON: a duration or a size is the text that it is there.
json json_of(const config_value& value, value_kind kind) {
  struct visitor {
    value_kind kind;
    json operator()(const std::string& text) const { return text; }
    json operator()(bool flag) const { return flag; }
    json operator()(std::int64_t number) const {
      return kind == value_kind::bytes ? json(format_byte_size(number)) : json(number);
    }
    json operator()(double number) const { return number; }
    json operator()(duration span) const { return format_duration(span); }
    json operator()(const text_list& list) const { return list; }
    json operator()(const skein::text_table& table) const {
      json members = json::object();
      for (const auto& [name, text] : table)
        members[name] = text;
      return members;
    }
    json operator()(const any_value& any) const { return raw_json<json>(any.json); }
  };
  return std::visit(visitor{kind}, value);
}

json view_value(context& at, const loaded_config& loaded, const configured_section& section,
                const configured& value) {
  const bool hidden = value.key->secret && value.given;
  const json shown = hidden ? json("(hidden)")
                     : at.global.output == output_format::table
                         ? json(to_toml(value.value, value.key->kind))
                         : json_of(value.value, value.key->kind);
  return {{"section", section.title()},
          {"key", value.key->name},
          {"value", shown},
          {"origin", value.given ? fmt::format("{}:{}", loaded.file, value.at.line) : "default"},
          {"effect", to_string(value.key->effect)}};
}

/// A key that may be left out and was is no setting.
bool is_in_force(const configured& value) {
  return !value.key->optional || value.given || value.value != config_value{};
}

int show(context& at, const std::string& file) {
  const loaded_config loaded = file.empty() ? load_config("", "", {}) : load_config_file(file);
  if (!loaded.ok()) {
    const bool shown = at.global.output == output_format::table;
    if (shown)
      at.world.err << problem_lines(loaded);
    return complain_of_config(at, loaded, shown);
  }
  json rows = json::array();
  for (const configured_section& section : loaded.values)
    for (const configured& each : section.values)
      if (is_in_force(each))
        rows.push_back(view_value(at, loaded, section, each));
  print_list(at, {{"config", rows}}, "config", columns, "");
  return exit_code::done;
}

} // namespace

handler define_config_check(CLI::App& app) {
  auto file = std::make_shared<std::string>();
  add_argument(app, "FILE", *file, "the configuration");
  return [file](context& at) { return check(at, *file); };
}

handler define_config_show(CLI::App& app) {
  auto file = std::make_shared<std::optional<std::string>>();
  add_optional_argument(app, "FILE", *file, "the configuration; without it, the defaults");
  return [file](context& at) { return show(at, file->value_or("")); };
}

} // namespace skein::cli
