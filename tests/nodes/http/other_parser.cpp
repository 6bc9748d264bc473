#include "tests/nodes/http/other_parser.hpp"

#include <utility> // Boost 1.74 needs it first

#include <boost/beast/http.hpp>

#include <regex>

namespace skein::test {

namespace {

/// The other one takes trailers for fields, ours drops them: nothing to compare.
bool has_trailers(const request_head& head, std::string_view raw) {
  constexpr std::string_view end = "0\r\n\r\n";
  if (!head.chunked || raw.ends_with("\r\n0\r\n\r\n"))
    return false;
  static const std::regex last_chunk{"\r\n0+(;[^\r\n]*)?\r\n\r\n$"};
  // The last chunk's line is short; a search through all of a body would be slow.
  const std::size_t tail = std::min(raw.size(), limits::http_chunk_line_bytes_max + end.size());
  raw.remove_prefix(raw.size() - tail);
  return !std::regex_search(raw.begin(), raw.end(), last_chunk);
}

} // namespace

std::string compare_with_other_parser(const request_reader& ours, std::string_view raw) {
  namespace http = boost::beast::http;
  if (raw.starts_with("\r\n")) // the empty line that may come before
    raw.remove_prefix(2);
  if (has_trailers(ours.head(), raw))
    return "";
  http::request_parser<http::string_body> other;
  other.eager(true);
  other.header_limit(1 << 20);
  other.body_limit(64 << 20);
  boost::beast::error_code problem;
  const std::size_t used = other.put(boost::asio::buffer(raw.data(), raw.size()), problem);
  if (problem)
    return "it is refused: " + problem.message();
  if (!other.is_done() || used != raw.size())
    return "it ends elsewhere";
  const auto& request = other.get();
  const auto view = [](boost::beast::string_view text) {
    return std::string_view{text.data(), text.size()};
  };
  if (view(request.method_string()) != ours.head().method)
    return "the method";
  if (!view(request.target()).ends_with(ours.head().target)) // ours is without scheme and host
    return "the target";
  if (request.body() != ours.body())
    return "the body";
  if ((request.version() == 10) != ours.head().http_1_0)
    return "the version";
  std::size_t fields = 0;
  for (const auto& field : request) {
    ++fields;
    bool found = false;
    for (const auto& [name, value] : ours.head().fields)
      found = found || (name == view(field.name_string()) && value == view(field.value()));
    if (!found)
      return "the field " + std::string{view(field.name_string())};
  }
  return fields == ours.head().fields.size() ? "" : "the number of fields";
}

} // namespace skein::test
