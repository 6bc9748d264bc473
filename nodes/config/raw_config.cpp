#include "nodes/config/raw_config.hpp"

#include "nodes/config/config_keys.hpp"
#include "nodes/config/nearest.hpp"
#include "nodes/logging/log_line.hpp"
#include "protocol/check.hpp"
#include "protocol/utf8.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <optional>
#include <sstream>

namespace skein {

namespace {

config_place place_of(const toml::source_position& at) { return {at.line, at.column}; }

std::vector<raw_member> members_of(const toml::table& table);

std::string time_text(const toml::node& node) {
  std::ostringstream text;
  if (const auto* both = node.as_date_time())
    text << both->get();
  else if (const auto* date = node.as_date())
    text << date->get();
  else if (const auto* time = node.as_time())
    text << time->get();
  return text.str();
}

raw_value value_of(const toml::node& node) {
  raw_value out;
  out.at = place_of(node.source().begin);
  if (const auto* text = node.as_string())
    out.value = text->get();
  else if (const auto* number = node.as_integer())
    out.value = number->get();
  else if (const auto* fraction = node.as_floating_point())
    out.value = fraction->get();
  else if (const auto* flag = node.as_boolean())
    out.value = flag->get();
  else if (const auto* table = node.as_table())
    out.value = members_of(*table);
  else if (const auto* list = node.as_array()) {
    std::vector<raw_value> values;
    for (const toml::node& each : *list)
      values.push_back(value_of(each));
    out.value = std::move(values);
  } else
    out.value = raw_time{time_text(node)};
  return out;
}

/// The library keeps tables sorted by name; people expect errors and agents in the order of the
/// file.
std::vector<raw_member> members_of(const toml::table& table) {
  std::vector<raw_member> members;
  for (const auto& [key, node] : table)
    members.push_back({std::string{key.str()}, place_of(key.source().begin), value_of(node)});
  std::stable_sort(members.begin(), members.end(),
                   [](const raw_member& a, const raw_member& b) { return a.at < b.at; });
  return members;
}

/// Sorts the members of the file's root into sections.
class outline {
 public:
  outline(raw_config& config, config_problems& problems) : config_{config}, problems_{problems} {}

  void add(raw_member member) {
    const config_section* section = find_section(member.name);
    if (section == nullptr)
      return unknown(member);
    switch (section->form) {
      case section_form::once:
        return add_once(*section, member);
      case section_form::many:
        return add_many(*section, member);
      case section_form::named:
        return add_named(*section, member);
    }
  }

 private:
  void wrong_form(const config_section& section, const raw_value& found) {
    problems_.push_back({problem_level::error, found.at, std::string{section.written},
                         fmt::format("read {}", described(found)),
                         fmt::format("legal is a section that begins {}", section.written)});
  }

  void add_once(const config_section& section, raw_member& member) {
    auto* table = std::get_if<std::vector<raw_member>>(&member.value.value);
    if (table == nullptr)
      return wrong_form(section, member.value);
    config_.sections.push_back({member.name, "", member.at, std::move(*table)});
  }

  void add_many(const config_section& section, raw_member& member) {
    auto* list = std::get_if<std::vector<raw_value>>(&member.value.value);
    if (list == nullptr)
      return wrong_form(section, member.value);
    for (raw_value& each : *list) {
      if (auto* table = std::get_if<std::vector<raw_member>>(&each.value))
        config_.sections.push_back({member.name, "", each.at, std::move(*table)});
      else
        wrong_form(section, each);
    }
  }

  void add_named(const config_section& section, raw_member& member) {
    auto* table = std::get_if<std::vector<raw_member>>(&member.value.value);
    if (table == nullptr)
      return wrong_form(section, member.value);
    for (raw_member& each : *table) {
      if (auto* named = std::get_if<std::vector<raw_member>>(&each.value.value))
        config_.sections.push_back({member.name, each.name, each.at, std::move(*named)});
      else
        problems_.push_back({problem_level::error, each.at, fmt::format("[{}]", member.name),
                             fmt::format("key \"{}\" stands outside of a named section", each.name),
                             fmt::format("legal is a section that begins {}", section.written)});
    }
  }

  void unknown(const raw_member& member) {
    std::vector<std::string_view> names;
    std::string all;
    for (const config_section& each : config_sections()) {
      names.push_back(each.name);
      all.append(all.empty() ? "" : ", ").append(each.written);
    }
    const bool is_section = std::holds_alternative<std::vector<raw_member>>(member.value.value) ||
                            std::holds_alternative<std::vector<raw_value>>(member.value.value);
    const auto near = is_section ? nearest(member.name, names) : std::nullopt;
    problems_.push_back({problem_level::error, member.at, "",
                         is_section
                             ? fmt::format("there is no section [{}]", member.name)
                             : fmt::format("key \"{}\" stands outside of any section", member.name),
                         near ? fmt::format("did you mean {}?", find_section(*near)->written)
                              : fmt::format("the sections are {}", all)});
  }

  raw_config& config_;
  config_problems& problems_;
};

std::optional<toml::table> parse(std::string_view text, config_problems& problems) {
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& failure) {
    problems.push_back({problem_level::error, place_of(failure.source().begin), "",
                        fmt::format("not valid TOML: {}", failure.description()),
                        "the rest of the file is checked once this is right"});
    return std::nullopt;
  }
}

} // namespace

raw_config read_raw_config(std::string_view text, config_problems& problems) {
  raw_config config;
  const auto root = parse(text, problems);
  if (!root)
    return config;
  outline sections{config, problems};
  for (raw_member& member : members_of(*root))
    sections.add(std::move(member));
  std::stable_sort(config.sections.begin(), config.sections.end(),
                   [](const raw_section& a, const raw_section& b) { return a.at < b.at; });
  return config;
}

raw_value read_raw_value(std::string_view text) {
  config_problems problems;
  const auto root = parse(fmt::format("x = {}", text), problems);
  SKEIN_CHECK(root && root->contains("x"));
  return value_of(*root->get("x"));
}

std::string described(const raw_value& value) {
  struct visitor {
    std::string operator()(bool flag) const { return flag ? "true" : "false"; }
    std::string operator()(std::int64_t number) const { return fmt::format("{}", number); }
    std::string operator()(double number) const {
      const std::string text =
          fmt::format("{}", number); // 3.0 is no 3: the form may be the mistake
      return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;
    }
    std::string operator()(const std::string& text) const {
      constexpr std::size_t shown_max = 60;
      const std::string_view shown = cut_utf8(text, shown_max);
      return fmt::format("\"{}{}\"", escape_controls(shown),
                         shown.size() < text.size() ? "..." : "");
    }
    std::string operator()(const raw_time&) const { return "a date or time"; }
    std::string operator()(const std::vector<raw_value>&) const { return "a list"; }
    std::string operator()(const std::vector<raw_member>&) const { return "a table"; }
  };
  return std::visit(visitor{}, value.value);
}

} // namespace skein
