#include "nodes/demo/store_url.hpp"

#include "journal/journal.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>

namespace skein::demo {

namespace {

/// Where a server listens whose host is not said.
constexpr std::string_view usual_folder = "/var/run/postgresql";

std::string decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned code = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 3, code, 16).ptr ==
            text.data() + i + 3) {
      out.push_back(static_cast<char>(code));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

std::string encoded(std::string_view path) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char each : path) {
    const auto byte = static_cast<unsigned char>(each);
    if (std::string_view{"%&=?# +"}.find(each) == std::string_view::npos && byte > 0x20) {
      out.push_back(each);
      continue;
    }
    out.append(1, '%').append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
  }
  return out;
}

/// What of the URL stands before '?' and behind it.
std::pair<std::string_view, std::string_view> halves(std::string_view url) {
  const auto at = url.find('?');
  return {url.substr(0, at), at == url.npos ? std::string_view{} : url.substr(at + 1)};
}

void read_host(std::string_view text, server_place& into) {
  std::string_view port;
  if (text.starts_with('[')) {
    const auto end = std::min(text.find(']'), text.size());
    port = text.substr(std::min(end + 1, text.size()));
    text = text.substr(1, end - 1);
  } else if (const auto colon = text.rfind(':'); colon != text.npos) {
    port = text.substr(colon);
    text = text.substr(0, colon);
  }
  if (!text.empty())
    into.host = decoded(text);
  if (port.size() > 1)
    into.port = port.substr(1);
}

/// As libpq does it: what stands behind '?' counts more.
void read_parameters(std::string_view text, server_place& into, std::string& address) {
  while (!text.empty()) {
    const auto end = std::min(text.find('&'), text.size());
    const std::string_view one = text.substr(0, end);
    const auto equals = std::min(one.find('='), one.size());
    const std::string_view name = one.substr(0, equals);
    const std::string value = decoded(one.substr(std::min(equals + 1, one.size())));
    if (name == "host")
      into.host = value;
    else if (name == "hostaddr")
      address = value;
    else if (name == "port")
      into.port = value;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

std::string with(const std::string& url, const std::string& parameters) {
  return url + (url.find('?') == url.npos ? "?" : "&") + parameters;
}

} // namespace

result<server_place> read_store_url(const std::string& url) {
  if (!journal::is_postgres_url(url))
    return error{errc::invalid_argument,
                 "--store takes a PostgreSQL database that the nodes share; name one as "
                 "postgresql://USER@HOST/DATABASE, or use --ha"};
  const auto [first, parameters] = halves(url);
  std::string_view host = first.substr(std::min(first.find("//"), first.size() - 2) + 2);
  host = host.substr(0, host.find('/'));
  if (const auto at = host.rfind('@'); at != host.npos)
    host.remove_prefix(at + 1);
  server_place found;
  found.host = usual_folder;
  std::string address;
  read_host(host, found);
  read_parameters(parameters, found, address);
  if (!address.empty())
    found.host = address;
  const auto several = [](const std::string& text) { return text.find(',') != text.npos; };
  if (several(found.host) || several(found.port) || found.host.empty() || found.port.empty())
    return error{errc::invalid_argument,
                 "the demo stands between its nodes and one server, and --store names none or "
                 "several; name one host and one port"};
  return found;
}

std::string by_port(const std::string& url, std::uint16_t port) {
  return with(url, "hostaddr=127.0.0.1&port=" + std::to_string(port));
}

std::string by_socket(const std::string& url, const std::string& folder) {
  return with(url, "host=" + encoded(folder) + "&port=5432");
}

} // namespace skein::demo
