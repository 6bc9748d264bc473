// The head of an HTTP/1 request, judged by its raw bytes. One strict reading: what two servers
// could understand differently is refused, so that no proxy before us can be made to disagree with
// us about where a request ends. All functions are pure and total.
//
// Refused with invalid_request: Content-Length and Transfer-Encoding together; a Content-Length
// that is repeated, signed, spaced, a list, or has leading zeros; a Transfer-Encoding other than
// exactly "chunked", or with HTTP/1.0; a bare CR or LF; folded lines; white space around a field's
// name; NUL and other control characters; names that are no token; a missing or repeated Host; a
// repetition of any other field that may be there once only.
#pragma once

#include "protocol/cloudevents.hpp"
#include "protocol/limits.hpp"
#include "protocol/result.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace skein {

struct head_limits {
  std::size_t bytes = limits::http_header_bytes_max; // request line, fields and the empty line
  std::size_t fields = limits::http_header_fields_max;
};

/// Looks for the end of a head in bytes that grow.
class head_scanner {
 public:
  explicit head_scanner(head_limits bounds = {}) : bounds_{bounds} {}

  /// `bytes`: all since the start of the request, what was scanned before included. The size of
  /// the head with its empty line, or 0: more is needed. Errors: invalid_request, header_too_large.
  result<std::size_t> scan(std::string_view bytes);

 private:
  head_limits bounds_;
  std::size_t next_ = 0; // all before is scanned
  std::size_t line_start_ = 0;
};

/// The one normal form. Views point into the bytes that were read.
struct request_head {
  std::string_view method;
  std::string_view target;    // "/path?query", or "*"
  std::string_view authority; // Host; may be empty with HTTP/1.0
  header_list fields;         // names as sent, values without outer white space
  bool http_1_0 = false;
  bool keep_alive = true;
  bool expects_continue = false;
  bool chunked = false;
  std::uint64_t content_length = 0;

  bool has_body() const noexcept { return chunked || content_length != 0; }
  /// The first field of that name, in any case of letters; empty if absent.
  std::string_view field(std::string_view name) const noexcept;
  /// Empty again; keeps its memory.
  void clear() noexcept;
};

/// `raw` ends with the empty line. Errors: invalid_request, header_too_large (too many fields),
/// unsupported_version.
result<void> parse_head(std::string_view raw, const head_limits& bounds, request_head& out);

bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept;
/// A character of a field's value: visible, space, tab or above ASCII.
bool is_value_char(char c) noexcept;

} // namespace skein
