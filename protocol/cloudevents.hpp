// CloudEvents 1.0 in JSON: structured, batch and binary mode. Reading is strict and bounded; what is
// refused says which attribute and why. Values that are not ours to understand stay as they were sent.
#pragma once

#include "protocol/event.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace skein {

/// One JSON object. Checks syntax, depth, duplicate members, types, required attributes, and the
/// specification's attribute rules (names, specversion 1.0, non-empty id/source/type, RFC 3339 time).
result<event> read_structured(std::string_view json);

/// A JSON array of such objects, at most limits::batch_events_max. The error of a bad member starts
/// with "event N: " (0-based).
result<std::vector<event>> read_batch(std::string_view json);

/// Binary mode: `headers` as received (any case of name; "ce-" attributes percent-decoded as the HTTP
/// binding says; content-type becomes datacontenttype), the body becomes the data.
using header_list = std::vector<std::pair<std::string_view, std::string_view>>;
result<event> read_binary(const header_list& headers, std::string_view body);

/// What an agent emits: as read_structured, but specversion, id, source may be absent; they are left empty
/// for the engine to fill. `type` is required.
result<event> read_emit(std::string_view json);

/// The structured form, on one line, in a fixed order of members.
std::string write_structured(const event& value);
void append_structured(std::string& out, const event& value);

/// JSON string literal of `text`, quotes included. Bytes that are no UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);

/// A reply or data as a JSON value: json as it is, text as a string, binary as {"data_base64": ...}.
void append_json_value(std::string& out, data_kind kind, std::string_view data);

/// Whether `text` is one JSON value of at most limits::json_depth_max levels, without duplicate names.
result<void> check_json(std::string_view text);

std::string base64_encode(std::string_view bytes);
result<std::string> base64_decode(std::string_view text);

} // namespace skein
