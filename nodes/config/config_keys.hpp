// Every key of cluster.toml, declared once. Reading, checking, `config show`, the example file's
// test and the manual all follow this table.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace skein {

enum class value_kind : std::uint8_t {
  text,
  boolean,
  integer,
  number,     // with a fraction
  span,       // a duration: "250ms", "10s", "1h30m"
  bytes,      // 65536 or "64KiB"
  choice,     // one of a few words
  text_list,  // ["a", "b"]
  text_table, // {NAME = "value"}
  time,       // a text, or a date or time of TOML
  any,        // whatever JSON can say
};

/// When a change of the file takes effect.
enum class takes_effect : std::uint8_t { at_restart, at_reload };

struct config_key {
  std::string_view section = {}; // as in config_sections()
  std::string_view name = {};
  value_kind kind = value_kind::text;
  std::string_view fallback = {}; // the default, as TOML; empty: must be given, or is optional
  std::string_view least = {};    // bounds of integer, number, span, bytes; as TOML without quotes
  std::string_view most = {};
  std::string_view choices = {}; // "echo|exec|noop"
  std::string_view example = {}; // a legal value other than the default, as TOML
  std::string_view doc = {};     // one sentence
  takes_effect effect = takes_effect::at_restart;
  bool secret = false;   // never shown, never in an error
  bool optional = false; // may be left out although it has no default of its own
};

/// How often a section may stand in a file, and how it is written.
enum class section_form : std::uint8_t {
  once,  // [log]
  many,  // [[route]]
  named, // [agent.NAME]
};

struct config_section {
  std::string_view name = {};
  std::string_view written; // "[log]", "[[route]]", "[agent.NAME]"
  section_form form = section_form::once;
  std::string_view doc = {};
};

std::span<const config_section> config_sections();
const config_section* find_section(std::string_view name);

std::span<const config_key> config_keys();
const config_key* find_key(std::string_view section, std::string_view name);
std::vector<std::string_view> key_names(std::string_view section);

std::string_view to_string(takes_effect effect);

} // namespace skein
