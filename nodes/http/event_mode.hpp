// What a POST carries, by its header fields. A page of another site can only send content types of
// forms without being asked first, so everything else being required is also a safeguard.
#pragma once

#include "nodes/http/http_framing.hpp"

#include <cstdint>

namespace skein {

enum class event_mode : std::uint8_t { structured, batch, binary };

/// By content type, else binary if there is ce-specversion or ce-id. Error: unsupported_media_type.
result<event_mode> event_mode_of(const request_head& head);

/// A command: application/json, even when its body is empty. Error: unsupported_media_type.
result<void> check_command_type(const request_head& head);

} // namespace skein
