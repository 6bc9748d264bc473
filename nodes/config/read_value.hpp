// From a TOML value to the kind its key has, within the key's bounds.
#pragma once

#include "nodes/config/config_values.hpp"
#include "protocol/result.hpp"

namespace skein {

/// The error is invalid_config without a detail: the caller knows the key, the place and whether
/// the value may be shown.
result<config_value> read_value(const config_key& key, const raw_value& raw);

/// Of a value that was refused the part that is to blame: of a list or a table of texts the first
/// that is none, and how it is called: "item 2", "NAME". Else the value itself, without a name.
struct wrong_part {
  const raw_value& value;
  std::string name;
};
wrong_part wrong_part_of(const config_key& key, const raw_value& raw);

} // namespace skein
