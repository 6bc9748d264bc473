// From a TOML value to the kind its key has, within the key's bounds.
#pragma once

#include "nodes/config/config_values.hpp"
#include "protocol/result.hpp"

namespace skein {

/// The error is invalid_config without a detail: the caller knows the key, the place and whether
/// the value may be shown.
result<config_value> read_value(const config_key& key, const raw_value& raw);

} // namespace skein
