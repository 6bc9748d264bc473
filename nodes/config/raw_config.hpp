// A configuration file as it was written: sections, names and TOML values with their places,
// nothing judged but its outline. No TOML library beyond this header.
#pragma once

#include "nodes/config/config_problem.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace skein {

struct raw_member;

/// A date or time.
struct raw_time {
  std::string text; // RFC 3339, or a part of it: "2026-12-01T09:00:00"
};

struct raw_value {
  config_place at;
  std::variant<bool, std::int64_t, double, std::string, raw_time, std::vector<raw_value>,
               std::vector<raw_member>>
      value;
};

struct raw_member {
  std::string name;
  config_place at; // of the name
  raw_value value;
};

struct raw_section {
  std::string section; // "agent"
  std::string label;   // "bot" of [agent.bot]; else empty
  config_place at;
  std::vector<raw_member> members; // in the order of the file
};

/// In the order of the file.
struct raw_config {
  std::vector<raw_section> sections;
};

/// Parses and sorts into known sections. Problems: the first syntax error (nothing is read then),
/// sections unknown or in another form, keys outside of a section.
raw_config read_raw_config(std::string_view text, config_problems& problems);

/// Parses one TOML value, such as a default of the key table; the text must be legal.
raw_value read_raw_value(std::string_view text);

/// How an error names a value: `"abc"`, `12`, `a list`; long texts are cut.
std::string described(const raw_value& value);

} // namespace skein
