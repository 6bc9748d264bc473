// What two configurations differ in, and what of it a running node can take over. Pure.
#pragma once

#include "nodes/config/config_values.hpp"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace skein {

enum class change_kind : std::uint8_t { added, removed, changed };

/// When a node is affected: not at all by what is another node's alone.
enum class change_effect : std::uint8_t { at_reload, at_restart, elsewhere };

/// A key of a section that both have, or a section that one of them has.
struct config_change {
  change_kind kind = change_kind::changed;
  std::string section; // "[agent.bot]", "[[node]] n1"
  std::string key;     // empty: the section
  std::string before;  // as it would stand in the file; of a section what tells it from others
  std::string after;   // likewise; what is secret is "(hidden)"
  change_effect effect = change_effect::at_reload;
  config_place at; // in the file that it comes with; line 0: it is not there

  friend bool operator==(const config_change&, const config_change&) = default;
};
using config_changes = std::vector<config_change>;

std::string_view to_string(change_kind kind);
std::string_view to_string(change_effect effect);

/// For the node of that name. Values that check_rules() has seen; in the order of the file that
/// comes first, what has gone behind it. Sections are told apart by their names, routes by all that
/// they say: their order matters to nobody.
config_changes diff_configs(const config_values& before, const config_values& after,
                            std::string_view node);

/// Whether a running node can take all of it over.
bool needs_restart(const config_changes& changes);

/// "~ [agent.bot] concurrency: 4 -> 8", "+ [[route]] type = "a.*" agent = "bot"", "- [job.tidy]".
std::string to_string(const config_change& change);

/// The same for all that say the same, however they are written: of all values with defaults,
/// without places, order and secrets. 16 hexadecimal digits.
std::string config_hash(const config_values& values);

/// For people and programs: what would change, or has.
nlohmann::json view_changes(const config_changes& changes);

} // namespace skein
