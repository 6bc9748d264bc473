// CloudEvents 1.0: structured, batch and binary mode. Reading is strict and bounded; a refusal says
// which attribute and why. Values that are not ours to understand stay as they were sent.
#pragma once

#include "protocol/event.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace skein {

/// One JSON object. Checks syntax, depth, duplicate members, types, required attributes, names,
/// specversion 1.0, non-empty id, source and type, the time. offer() checks what is left:
/// characters, lengths, URIs, media types, and what our own extensions mean.
result<event> read_structured(std::string_view json);

/// A JSON array of such objects, at most limits::batch_events_max. The error of a bad member starts
/// with "event N: " (0-based).
result<std::vector<event>> read_batch(std::string_view json);

/// Binary mode: `headers` as received (any case of name; "ce-" attributes percent-decoded as the
/// HTTP binding says; content-type becomes datacontenttype), the body becomes the data: JSON if its
/// type is (data_not_json if it then is not), text if its type is and it is UTF-8, else bytes.
using header_list = std::vector<std::pair<std::string_view, std::string_view>>;
result<event> read_binary(const header_list& headers, std::string_view body);

/// What an agent emits: as read_structured, but specversion, id, source may be absent; they are
/// left empty for the engine to fill. `type` is required.
result<event> read_emit(std::string_view json);

/// The structured form, on one line, in a fixed order of members. It reads back as the same event,
/// but for line breaks between the tokens of JSON data, which become spaces.
std::string write_structured(const event& value);
void append_structured(std::string& out, const event& value);

/// JSON string literal of `text`, quotes included. Bytes that are no UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);

/// A reply or data as a JSON value: json as it is (on one line), text as a string, binary as
/// {"data_base64": ...}, none as null.
void append_json_value(std::string& out, data_kind kind, std::string_view data);

/// Whether `text` is one JSON value (RFC 8259, UTF-8, no half surrogate pairs) of at most
/// limits::json_depth_max levels, without a name twice in an object.
result<void> check_json(std::string_view text);
/// Also what is nested more deeply than events may be: it must not pass for a text.
bool is_meant_as_json(std::string_view text);

/// RFC 4648 with padding; reading takes no white space and no second spelling of the same bytes.
std::string base64_encode(std::string_view bytes);
result<std::string> base64_decode(std::string_view text);

} // namespace skein
