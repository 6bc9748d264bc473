// The form of a log line, without its time and level; those are put before it by the sink.
//
//   text  http listening: Serving the API. url=http://127.0.0.1:7411 note="two words"
//   JSON  "component":"http","id":"listening","text":"Serving the
//   API.","url":"http://127.0.0.1:7411"
#pragma once

#include "nodes/logging/log.hpp"

#include <string>
#include <string_view>

namespace skein {

/// Control characters, ESC among them, become \n, \r, \t, \xNN or (U+0080 to U+009F) \u00NN: what
/// somebody else chose (a key, an agent's error) can neither forge a line nor drive the reader's
/// terminal.
std::string escape_controls(std::string_view text);

/// A line of text. Values longer than limits::log_value_bytes_max are cut, and say so.
std::string text_line(std::string_view component, std::string_view id, std::string_view sentence,
                      const log_fields& fields);

/// The members of a JSON object, without the braces. A field named like a fixed member gets a '_'
/// behind.
std::string json_members(std::string_view component, std::string_view id, std::string_view sentence,
                         const log_fields& fields);

} // namespace skein
