#include "nodes/http/http_framing.hpp"

#include "protocol/text.hpp"

#include <algorithm>
#include <array>
#include <bitset>
#include <charconv>

namespace skein {

namespace {

error malformed(std::string detail) { return {errc::invalid_request, std::move(detail)}; }

char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

/// A name for error texts: at most a few bytes of it, and only when they are harmless.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text.substr(0, 32))
    out.push_back(is_token_char(c) ? c : '?');
  out.append(text.size() > 32 ? "...\"" : "\"");
  return out;
}

/// Fields that must not be repeated, because readers differ in which of them counts.
constexpr std::array<std::string_view, 9> single_fields{
    "host",   "content-length", "transfer-encoding", "content-type",  "content-encoding",
    "expect", "origin",         "last-event-id",     "authorization",
};

class head_reader {
 public:
  head_reader(std::string_view raw, const head_limits& bounds, request_head& out)
    : rest_{raw}, bounds_{bounds}, out_{out} {}

  result<void> read() {
    if (auto line = read_request_line(next_line()); !line)
      return line;
    for (std::string_view line = next_line(); !line.empty(); line = next_line())
      if (auto field = read_field(line); !field)
        return field;
    if (!rest_.empty())
      return malformed("Bytes follow the empty line of the head.");
    return conclude();
  }

 private:
  /// The head was scanned: each line ends with CR LF.
  std::string_view next_line() noexcept {
    const std::size_t end = rest_.find("\r\n");
    const std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 2);
    return line;
  }

  result<void> read_request_line(std::string_view line) {
    const std::size_t first = line.find(' ');
    const std::size_t last = line.rfind(' ');
    if (first == std::string_view::npos || first == last || line.find(' ', first + 1) != last)
      return malformed("A request line is METHOD TARGET HTTP/1.1 with single spaces.");
    out_.method = line.substr(0, first);
    out_.target = line.substr(first + 1, last - first - 1);
    if (out_.method.empty() || !std::all_of(out_.method.begin(), out_.method.end(), is_token_char))
      return malformed("The method is not a token.");
    if (auto target = check_target(); !target)
      return target;
    return read_version(line.substr(last + 1));
  }

  result<void> check_target() {
    const auto allowed = [](char c) { return c > ' ' && c < '\x7f' && c != '#'; };
    if (out_.target.empty() || !std::all_of(out_.target.begin(), out_.target.end(), allowed))
      return malformed("The request target has characters that must be percent-encoded.");
    if (out_.target.front() == '/' || out_.target == "*")
      return {};
    constexpr std::string_view scheme = "http://";
    if (!equal_ignoring_case(out_.target.substr(0, scheme.size()), scheme))
      return malformed("The request target must begin with '/'.");
    const std::string_view rest = out_.target.substr(scheme.size());
    const std::size_t path = rest.find_first_of("/?");
    if (path == std::string_view::npos || rest[path] != '/')
      return malformed("The request target has no path.");
    target_authority_ = rest.substr(0, path);
    out_.target = rest.substr(path);
    if (target_authority_.empty())
      return malformed("The request target has no host.");
    return {};
  }

  result<void> read_version(std::string_view version) {
    if (version == "HTTP/1.1" || version == "HTTP/1.0") {
      out_.http_1_0 = version.back() == '0';
      out_.keep_alive = !out_.http_1_0;
      return {};
    }
    const auto digit = [](char c) { return c >= '0' && c <= '9'; };
    if (version.size() == 8 && version.starts_with("HTTP/") && digit(version[5]) &&
        version[6] == '.' && digit(version[7]))
      return error{errc::unsupported_version, "HTTP/1.1 and HTTP/1.0 are spoken here."};
    return malformed("The request line must end with HTTP/1.1 or HTTP/1.0.");
  }

  result<void> read_field(std::string_view line) {
    if (out_.fields.size() == bounds_.fields)
      return error{errc::header_too_large,
                   "At most " + std::to_string(bounds_.fields) + " header fields are allowed."};
    if (line.front() == ' ' || line.front() == '\t')
      return malformed("Folded header lines are not allowed.");
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos)
      return malformed("A header line has no colon.");
    const std::string_view name = line.substr(0, colon);
    if (name.empty() || !std::all_of(name.begin(), name.end(), is_token_char))
      return malformed("The header name " + quoted(name) +
                       " is not a token directly before a colon.");
    const std::string_view value = trimmed(line.substr(colon + 1), blanks);
    if (!std::all_of(value.begin(), value.end(), is_value_char))
      return malformed("The header " + quoted(name) + " has a control character in its value.");
    out_.fields.emplace_back(name, value);
    return note_field(name, value);
  }

  result<void> note_field(std::string_view name, std::string_view value) {
    for (std::size_t i = 0; i < single_fields.size(); ++i)
      if (equal_ignoring_case(name, single_fields[i])) {
        if (seen_[i])
          return malformed("The header " + quoted(name) + " is there more than once.");
        seen_[i] = true;
        return note_single(single_fields[i], value);
      }
    return equal_ignoring_case(name, "connection") ? note_connection(value) : result<void>{};
  }

  result<void> note_single(std::string_view name, std::string_view value) {
    if (name == "host")
      out_.authority = value;
    else if (name == "content-length")
      return read_length(value);
    else if (name == "transfer-encoding" && value != "chunked")
      return malformed("The only Transfer-Encoding understood here is chunked.");
    else if (name == "expect" && !equal_ignoring_case(value, "100-continue"))
      return malformed("The only Expect understood here is 100-continue.");
    else if (name == "expect")
      out_.expects_continue = true;
    else if (name == "transfer-encoding")
      out_.chunked = true;
    return {};
  }

  result<void> read_length(std::string_view value) {
    has_length_ = true;
    const auto digit = [](char c) { return c >= '0' && c <= '9'; };
    if (value.empty() || !std::all_of(value.begin(), value.end(), digit) ||
        (value.size() > 1 && value.front() == '0'))
      return malformed("Content-Length must be one decimal number.");
    const char* end = value.data() + value.size();
    if (std::from_chars(value.data(), end, out_.content_length).ec != std::errc{})
      return malformed("Content-Length is beyond any possible size.");
    return {};
  }

  /// A list of tokens; "close" wins over "keep-alive".
  result<void> note_connection(std::string_view list) {
    while (!list.empty()) {
      const std::size_t comma = list.find(',');
      const std::string_view option = trimmed(list.substr(0, comma), blanks);
      if (!std::all_of(option.begin(), option.end(), is_token_char))
        return malformed("Connection must be a list of tokens.");
      closes_ = closes_ || equal_ignoring_case(option, "close");
      keeps_ = keeps_ || equal_ignoring_case(option, "keep-alive");
      list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
    }
    return {};
  }

  result<void> conclude() {
    if (out_.chunked && has_length_)
      return malformed("Content-Length and Transfer-Encoding must not come together.");
    if (out_.chunked && out_.http_1_0)
      return malformed("HTTP/1.0 has no Transfer-Encoding.");
    if (!seen_[0] && !out_.http_1_0)
      return malformed("HTTP/1.1 needs a Host header.");
    if (seen_[0] && out_.authority.find_first_of(" \t,/@") != std::string_view::npos)
      return malformed("Host must be a name or address with an optional port.");
    if (!target_authority_.empty() && seen_[0] &&
        !equal_ignoring_case(target_authority_, out_.authority))
      return malformed("The request target and Host name different servers.");
    if (!target_authority_.empty())
      out_.authority = target_authority_;
    if (out_.http_1_0)
      out_.expects_continue = false; // HTTP/1.0 has no interim responses
    out_.keep_alive = !closes_ && (out_.keep_alive || keeps_);
    return {};
  }

  std::string_view rest_;
  const head_limits& bounds_;
  request_head& out_;
  std::string_view target_authority_; // of an absolute target
  std::bitset<single_fields.size()> seen_;
  bool has_length_ = false;
  bool closes_ = false;
  bool keeps_ = false;
};

} // namespace

result<std::size_t> head_scanner::scan(std::string_view bytes) {
  const std::size_t end = std::min(bytes.size(), bounds_.bytes);
  for (; next_ < end; ++next_) {
    const char c = bytes[next_];
    if (c == '\0')
      return malformed("The head has a NUL byte.");
    if (c == '\r') {
      if (next_ + 1 == bytes.size())
        break; // judged when the next byte is here
      if (bytes[next_ + 1] != '\n')
        return malformed("The head has a CR without LF.");
    }
    if (c != '\n')
      continue;
    if (next_ == 0 || bytes[next_ - 1] != '\r')
      return malformed("The head has an LF without CR; lines end with CR LF.");
    if (next_ == line_start_ + 1)
      return next_ + 1;
    line_start_ = next_ + 1;
  }
  if (next_ >= bounds_.bytes || bytes.size() > bounds_.bytes)
    return error{errc::header_too_large,
                 "The head may have at most " + std::to_string(bounds_.bytes) + " bytes."};
  return std::size_t{0};
}

result<void> parse_head(std::string_view raw, const head_limits& bounds, request_head& out) {
  out.clear();
  return head_reader{raw, bounds, out}.read();
}

std::string_view request_head::field(std::string_view name) const noexcept {
  for (const auto& [each, value] : fields)
    if (equal_ignoring_case(each, name))
      return value;
  return {};
}

void request_head::clear() noexcept {
  header_list kept = std::move(fields);
  kept.clear();
  *this = request_head{};
  fields = std::move(kept);
}

bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](char x, char y) { return lower(x) == lower(y); });
}

bool is_value_char(char c) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  return byte == '\t' || (byte >= ' ' && byte != 0x7f);
}

} // namespace skein
