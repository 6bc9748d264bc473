// Values of one configuration by the table of keys: each of the kind its key has and within its
// bounds, with where it came from. Defaults are filled in. Rules between keys are not yet looked at
// (cluster_config).
#pragma once

#include "nodes/config/config_keys.hpp"
#include "nodes/config/raw_config.hpp"
#include "protocol/check.hpp"
#include "protocol/time.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace skein {

using text_list = std::vector<std::string>;
using text_table = std::vector<std::pair<std::string, std::string>>;

/// A value of any form: as JSON for whom it is, and as it would stand in the file.
struct any_value {
  std::string json;
  std::string toml;
  friend bool operator==(const any_value&, const any_value&) = default;
};

/// text, choice and time: std::string; integer and bytes: std::int64_t; span: duration.
using config_value = std::variant<std::string, bool, std::int64_t, double, duration, text_list,
                                  text_table, any_value>;

struct configured {
  const config_key* key = nullptr;
  config_value value;
  bool given = false; // in the file and legal; else the value is the default
  bool wrong = false; // in the file but refused: rules between keys must not look at it
  config_place at;    // of the value if it is in the file, else of the section
};

/// One section with all of its keys, in the order of the table.
struct configured_section {
  const config_section* section = nullptr;
  std::string label; // of [agent.NAME]
  config_place at;   // line 0: not in the file
  std::vector<configured> values;

  /// "[agent.bot]", "[[route]]"
  std::string title() const;

  const configured& operator[](std::string_view name) const;
  template <class T>
  const T& get(std::string_view name) const {
    const T* value = std::get_if<T>(&(*this)[name].value);
    SKEIN_CHECK(value != nullptr);
    return *value;
  }
};

/// Sections of form `once` are always there; the others as often as in the file.
using config_values = std::vector<configured_section>;

config_values check_values(const raw_config& raw, config_problems& problems);

/// A section of defaults only, without a place.
configured_section default_section(std::string_view name, std::string label = {});

/// A TOML basic string.
std::string toml_string(std::string_view text);

/// As it would stand in the file: "\"UTC\"", "256", "[\"a\"]".
std::string to_toml(const config_value& value, value_kind kind);

/// What a key takes: "a whole number from 1 to 65536", "one of echo, exec, noop".
std::string legal_values(const config_key& key);

} // namespace skein
