#include "nodes/cli/server_url.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace skein::cli {

namespace {

bool is_port(std::string_view text) {
  unsigned port = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), port);
  return code == std::errc{} && end == text.data() + text.size() && port > 0 && port < 65'536;
}

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view{"-._~"}.find(c) != std::string_view::npos;
}

bool is_host(std::string_view text, std::string_view extra) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return is_plain(c) || extra.find(c) != std::string_view::npos;
  });
}

const char* usual_port(const server_url& of) { return of.secured ? "443" : "80"; }

/// "host", "host:80", "[::1]", "[::1]:80"
bool read_authority(std::string_view text, server_url& into) {
  into.port = usual_port(into);
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos)
      return false;
    into.host = text.substr(1, close - 1);
    text.remove_prefix(close + 1);
    if (!is_host(into.host, ":%"))
      return false;
  } else {
    const auto colon = std::min(text.find(':'), text.size());
    into.host = text.substr(0, colon);
    text.remove_prefix(colon);
    if (!is_host(into.host, ""))
      return false;
  }
  if (text.empty())
    return true;
  into.port = text.substr(1);
  return text[0] == ':' && is_port(into.port);
}

} // namespace

std::string server_url::authority() const {
  const bool six = host.find(':') != std::string::npos;
  const std::string name = six ? "[" + host + "]" : host;
  return port == usual_port(*this) ? name : name + ":" + port;
}

std::optional<server_url> parse_server_url(std::string_view text) {
  constexpr std::string_view plain = "http://";
  constexpr std::string_view secured = "https://";
  server_url out;
  out.secured = text.starts_with(secured);
  if (!out.secured && !text.starts_with(plain))
    return std::nullopt;
  text.remove_prefix(out.secured ? secured.size() : plain.size());
  const auto slash = std::min(text.find('/'), text.size());
  if (!read_authority(text.substr(0, slash), out))
    return std::nullopt;
  std::string_view prefix = text.substr(slash);
  while (prefix.ends_with('/'))
    prefix.remove_suffix(1);
  if (!std::all_of(prefix.begin(), prefix.end(), [](char c) { return is_plain(c) || c == '/'; }))
    return std::nullopt;
  out.prefix = prefix;
  return out;
}

std::string percent_encode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (is_plain(c))
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

std::string with_query(std::string path, const query_parameters& parameters) {
  char separator = '?';
  for (const auto& [name, value] : parameters) {
    if (!value)
      continue;
    path.append(1, separator).append(name).append(1, '=').append(percent_encode(*value));
    separator = '&';
  }
  return path;
}

} // namespace skein::cli
