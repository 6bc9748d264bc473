// A response before it is bytes, and its bytes.
#pragma once

#include "protocol/time.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace skein {

namespace content_type {
inline constexpr std::string_view json = "application/json";
inline constexpr std::string_view problem = "application/problem+json";
inline constexpr std::string_view text = "text/plain; charset=utf-8";
inline constexpr std::string_view metrics = "text/plain; version=0.0.4; charset=utf-8";
inline constexpr std::string_view events = "text/event-stream";
} // namespace content_type

struct http_response {
  int status = 200;
  std::string_view content_type = content_type::json; // a literal
  std::string body;
  std::chrono::seconds retry_after{0}; // 0 = no such header
  std::string allow;                   // empty = no such header
  std::string_view authenticate{};     // likewise; a literal
  bool close = false;                  // whatever the request asked for
};

/// The status line and header fields of `response`, with the empty line. `streamed`: the body
/// follows in chunks (HTTP/1.1) or until the end of the connection (HTTP/1.0).
struct head_options {
  instant now = no_instant;
  bool keep_alive = true;
  bool http_1_0 = false;
  bool streamed = false;
};
std::string write_head(const http_response& response, const head_options& options);

/// "Sun, 06 Nov 1994 08:49:37 GMT"
std::string format_http_date(instant at);

std::string_view reason_phrase(int status) noexcept;

} // namespace skein
