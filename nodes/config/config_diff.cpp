#include "nodes/config/config_diff.hpp"

#include "protocol/text.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

namespace skein {

namespace {

constexpr std::string_view hidden = "(hidden)";

/// The log and the answers show it: no secrets, no variables of programs, no payload.
std::string shown(const configured& value) {
  if (value.key->secret && (value.given || value.value != config_value{}))
    return std::string{hidden};
  if (const auto* table = std::get_if<text_table>(&value.value)) {
    std::string names;
    for (const auto& [name, text] : *table)
      names += fmt::format("{}{} = {}", names.empty() ? "" : ", ", name, hidden);
    return fmt::format("{{{}}}", names);
  }
  if (std::holds_alternative<any_value>(value.value))
    return std::string{hidden};
  return to_toml(value.value, value.key->kind);
}

std::string hashed(const configured& value) {
  return value.key->secret ? std::string{} : to_toml(value.value, value.key->kind);
}

bool is_route(const configured_section& section) { return section.section->name == "route"; }
bool is_node(const configured_section& section) { return section.section->name == "node"; }

/// What a route says; those that say the same are one.
/// All that is not as without a word in the file.
std::string words_of(const configured_section& section) {
  const configured_section plain = default_section(section.section->name, section.label);
  std::string words;
  for (std::size_t i = 0; i < section.values.size(); ++i)
    if (const configured& each = section.values[i]; each.value != plain.values[i].value)
      words += fmt::format("{}{} = {}", words.empty() ? "" : " ", each.key->name, shown(each));
  return words;
}

/// What a section is told from others by.
std::string name_of(const configured_section& section) {
  if (is_route(section))
    return fmt::format("{} {}", section.title(), words_of(section));
  if (is_node(section))
    return fmt::format("{} {}", section.title(), section.get<std::string>("name"));
  return section.title();
}

using by_name = std::map<std::string, const configured_section*>;

by_name names_of(const config_values& values) {
  by_name names;
  for (const configured_section& each : values)
    names.emplace(name_of(each), &each);
  return names;
}

class differ {
 public:
  differ(std::string_view node, const config_values& after) : node_{node} {
    for (const configured_section& each : after)
      if (is_node(each) && each.get<std::string>("name") == node_)
        has_broker_ = !each.get<std::string>("broker").empty();
  }

  config_changes run(const config_values& before, const config_values& after) {
    const by_name had = names_of(before);
    const by_name has = names_of(after);
    std::set<std::string> told; // routes may be there twice
    for (const configured_section& each : after) {
      std::string name = name_of(each);
      if (!told.insert(name).second)
        continue;
      if (const auto found = had.find(name); found == had.end())
        whole(change_kind::added, each);
      else if (!is_route(each))
        keys(name, *found->second, each);
    }
    for (const configured_section& each : before)
      if (std::string name = name_of(each); !has.contains(name) && told.insert(name).second)
        whole(change_kind::removed, each);
    return std::move(out_);
  }

 private:
  void whole(change_kind kind, const configured_section& section) {
    const std::string words = is_route(section) ? words_of(section) : std::string{};
    config_change made{kind, is_node(section) ? name_of(section) : section.title(), {}, {},
                       {},   effect_of(section, "broker", takes_effect::at_reload), {}};
    (kind == change_kind::added ? made.after : made.before) = words;
    if (kind == change_kind::added)
      made.at = section.at;
    out_.push_back(std::move(made));
  }

  void keys(const std::string& name, const configured_section& had, const configured_section& has) {
    for (std::size_t i = 0; i < has.values.size(); ++i) {
      const configured& before = had.values[i];
      const configured& after = has.values[i];
      if (before.value == after.value)
        continue;
      out_.push_back({change_kind::changed, name, std::string{after.key->name}, shown(before),
                      shown(after), effect_of(has, after.key->name, after.key->effect), after.at});
    }
  }

  /// Of other nodes' sections a node reads where to reach them, and nothing else.
  change_effect effect_of(const configured_section& section, std::string_view key,
                          takes_effect effect) const {
    if (is_node(section) && section.get<std::string>("name") != node_)
      return key == "broker" && has_broker_ ? change_effect::at_restart : change_effect::elsewhere;
    if (is_node(section))
      return change_effect::at_restart;
    return effect == takes_effect::at_reload ? change_effect::at_reload : change_effect::at_restart;
  }

  std::string_view node_;
  bool has_broker_ = false;
  config_changes out_;
};

} // namespace

std::string_view to_string(change_kind kind) {
  switch (kind) {
    case change_kind::added:
      return "added";
    case change_kind::removed:
      return "removed";
    case change_kind::changed:
      break;
  }
  return "changed";
}

std::string_view to_string(change_effect effect) {
  switch (effect) {
    case change_effect::at_reload:
      return "reload";
    case change_effect::at_restart:
      return "restart";
    case change_effect::elsewhere:
      break;
  }
  return "other-node";
}

config_changes diff_configs(const config_values& before, const config_values& after,
                            std::string_view node) {
  return differ{node, after}.run(before, after);
}

bool needs_restart(const config_changes& changes) {
  return std::any_of(changes.begin(), changes.end(), [](const config_change& each) {
    return each.effect == change_effect::at_restart;
  });
}

std::string to_string(const config_change& change) {
  const char sign = change.kind == change_kind::added     ? '+'
                    : change.kind == change_kind::removed ? '-'
                                                          : '~';
  std::string text = fmt::format("{} {}", sign, change.section);
  if (!change.key.empty())
    text += fmt::format(" {}: {} -> {}", change.key, change.before, change.after);
  else if (const std::string& words = change.before + change.after; !words.empty())
    text += ' ' + words;
  return text;
}

std::string config_hash(const config_values& values) {
  std::set<std::string> sections; // without their order, and each once
  for (const configured_section& section : values) {
    std::string words = section.title() + '\n';
    for (const configured& each : section.values)
      words += fmt::format("{} = {}\n", each.key->name, hashed(each));
    sections.insert(std::move(words));
  }
  const std::string all = fmt::format("{}", fmt::join(sections, "\n"));
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(all.data()), all.size(), digest.data());
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < sizeof word; ++i)
    word = word << 8 | digest[i];
  return hex_of(word);
}

nlohmann::json view_changes(const config_changes& changes) {
  using nlohmann::json;
  json rows = json::array();
  for (const config_change& each : changes)
    rows.push_back({{"kind", to_string(each.kind)},
                    {"section", each.section},
                    {"key", each.key.empty() ? json(nullptr) : json(each.key)},
                    {"before", each.before.empty() ? json(nullptr) : json(each.before)},
                    {"after", each.after.empty() ? json(nullptr) : json(each.after)},
                    {"effect", to_string(each.effect)},
                    {"line", each.at.line == 0 ? json(nullptr) : json(each.at.line)},
                    {"text", to_string(each)}});
  return rows;
}

} // namespace skein
