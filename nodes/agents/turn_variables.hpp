// What a oneshot program learns from its environment.
#pragma once

#include "actors/ports.hpp"
#include "nodes/agents/spawn.hpp"

#include <string>

namespace skein {

/// SKEIN_ID, SKEIN_SOURCE, SKEIN_TYPE, SKEIN_SUBJECT, SKEIN_KEY, SKEIN_TIME, SKEIN_CONTENTTYPE,
/// SKEIN_EXT_<NAME>, SKEIN_TURN, SKEIN_ATTEMPT, SKEIN_TOKEN, SKEIN_DEADLINE, SKEIN_STATE; those the
/// event does not have are absent. Text that a C string cannot hold is repaired (text.hpp), a value
/// over limits::program_variable_bytes_max is cut.
environment_list turn_variables(const turn_start& start, const event& value, instant deadline,
                                const std::string& state_path);

} // namespace skein
