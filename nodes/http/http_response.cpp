#include "nodes/http/http_response.hpp"

#include <array>
#include <cstdio>

namespace skein {

namespace {

struct phrase {
  int status;
  std::string_view text;
};
constexpr std::array phrases{
    phrase{200, "OK"},
    phrase{201, "Created"},
    phrase{202, "Accepted"},
    phrase{400, "Bad Request"},
    phrase{401, "Unauthorized"},
    phrase{403, "Forbidden"},
    phrase{404, "Not Found"},
    phrase{405, "Method Not Allowed"},
    phrase{408, "Request Timeout"},
    phrase{409, "Conflict"},
    phrase{413, "Content Too Large"},
    phrase{415, "Unsupported Media Type"},
    phrase{422, "Unprocessable Content"},
    phrase{429, "Too Many Requests"},
    phrase{431, "Request Header Fields Too Large"},
    phrase{500, "Internal Server Error"},
    phrase{503, "Service Unavailable"},
    phrase{504, "Gateway Timeout"},
    phrase{505, "HTTP Version Not Supported"},
};

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

} // namespace

std::string write_head(const http_response& response, const head_options& options) {
  std::string out;
  out.reserve(256);
  out.append("HTTP/1.1 ").append(std::to_string(response.status)).append(" ");
  out.append(reason_phrase(response.status)).append("\r\n");
  append_field(out, "Date", format_http_date(options.now));
  append_field(out, "Content-Type", response.content_type);
  if (!options.streamed)
    append_field(out, "Content-Length", std::to_string(response.body.size()));
  else if (!options.http_1_0)
    append_field(out, "Transfer-Encoding", "chunked");
  if (!options.keep_alive)
    append_field(out, "Connection", "close");
  else if (options.http_1_0)
    append_field(out, "Connection", "keep-alive");
  if (response.retry_after.count() > 0)
    append_field(out, "Retry-After", std::to_string(response.retry_after.count()));
  if (!response.allow.empty())
    append_field(out, "Allow", response.allow);
  if (!response.authenticate.empty())
    append_field(out, "WWW-Authenticate", response.authenticate);
  append_field(out, "Cache-Control", "no-store");
  append_field(out, "X-Content-Type-Options", "nosniff");
  out.append("\r\n");
  return out;
}

std::string format_http_date(instant at) {
  using namespace std::chrono;
  constexpr std::array<const char*, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<const char*, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                               "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const sys_seconds second{floor<seconds>(nanoseconds{to_ns(at)})};
  const sys_days day = floor<std::chrono::days>(second);
  const year_month_day date{day};
  const hh_mm_ss time{second - day};
  std::array<char, 48> text{};
  const int size = std::snprintf(
      text.data(), text.size(), "%s, %02u %s %04d %02d:%02d:%02d GMT",
      days[weekday{day}.c_encoding()], static_cast<unsigned>(date.day()),
      months[static_cast<unsigned>(date.month()) - 1], static_cast<int>(date.year()),
      static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
      static_cast<int>(time.seconds().count()));
  return {text.data(), static_cast<std::size_t>(size)};
}

std::string_view reason_phrase(int status) noexcept {
  for (const phrase& each : phrases)
    if (each.status == status)
      return each.text;
  return "Unknown";
}

} // namespace skein
