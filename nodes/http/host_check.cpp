#include "nodes/http/host_check.hpp"

#include "nodes/tls/server_identity.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace skein {

namespace {

struct host_and_port {
  std::string_view host;             // without the brackets of an IPv6 address
  std::optional<std::uint16_t> port; // absent: the usual one
  bool bracketed = false;
  bool valid = false;
};

host_and_port split(std::string_view authority) noexcept {
  host_and_port out;
  std::string_view rest;
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    if (end == std::string_view::npos)
      return out;
    out.bracketed = true;
    out.host = authority.substr(1, end - 1);
    rest = authority.substr(end + 1);
  } else {
    const std::size_t colon = authority.find(':');
    out.host = authority.substr(0, colon);
    rest = colon == std::string_view::npos ? "" : authority.substr(colon);
  }
  out.valid = !out.host.empty();
  if (rest.empty())
    return out;
  std::uint16_t port = 0;
  const auto [stopped, problem] = std::from_chars(rest.data() + 1, rest.data() + rest.size(), port);
  out.valid = out.valid && rest.front() == ':' && problem == std::errc{} &&
              stopped == rest.data() + rest.size();
  out.port = port;
  return out;
}

enum class address_kind { none, other, loopback };

address_kind kind_of(const host_and_port& at) {
  const std::string text{at.host};
  in_addr v4{};
  in6_addr v6{};
  if (!at.bracketed && inet_pton(AF_INET, text.c_str(), &v4) == 1)
    return (ntohl(v4.s_addr) >> 24) == 127 ? address_kind::loopback : address_kind::other;
  if (at.bracketed && inet_pton(AF_INET6, text.c_str(), &v6) == 1)
    return IN6_IS_ADDR_LOOPBACK(&v6) ? address_kind::loopback : address_kind::other;
  return address_kind::none;
}

bool is_local_name(std::string_view host) noexcept {
  constexpr std::string_view name = "localhost";
  if (host.size() < name.size())
    return false;
  if (!equal_ignoring_case(host.substr(host.size() - name.size()), name))
    return false;
  return host.size() == name.size() || host[host.size() - name.size() - 1] == '.';
}

std::string shown(std::string_view text) {
  std::string out{text.substr(0, 80)};
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return out;
}

std::string advice(const host_rules& rules) {
  const std::string port = std::to_string(rules.port);
  return " Use 127.0.0.1:" + port + " or localhost:" + port + ".";
}

} // namespace

bool host_allowed(std::string_view authority, const host_rules& rules) {
  const host_and_port at = split(authority);
  if (!at.valid)
    return false;
  for (const std::string& name : rules.names)
    if (equal_ignoring_case(name, authority) || is_named(std::string{at.host}, name))
      return true;
  const address_kind kind = kind_of(at);
  if (!rules.loopback && kind != address_kind::none)
    return true;
  const bool ours = at.port.value_or(rules.secured ? 443 : 80) == rules.port;
  return ours && (kind == address_kind::loopback || is_local_name(at.host));
}

bool origin_allowed(std::string_view origin, std::string_view host, const host_rules& rules) {
  const std::size_t mark = origin.find("://");
  const std::string_view scheme = origin.substr(0, mark);
  if (mark == std::string_view::npos || (scheme != "http" && scheme != "https"))
    return false;
  const std::string_view authority = origin.substr(mark + 3);
  host_rules narrow = rules; // another machine's address may be in Host, but is no origin of ours
  narrow.loopback = true;
  return equal_ignoring_case(authority, host) || host_allowed(authority, narrow);
}

result<void> check_host(const request_head& head, const host_rules& rules) {
  const bool named = !head.authority.empty() || !head.http_1_0; // a browser always names a host
  if (named && !host_allowed(head.authority, rules))
    return error{errc::forbidden_origin,
                 "Host \"" + shown(head.authority) + "\" is not this server." + advice(rules)};
  const std::string_view origin = head.field("origin");
  if (!origin.empty() && !origin_allowed(origin, head.authority, rules))
    return error{errc::forbidden_origin, "Requests from the origin \"" + shown(origin) +
                                             "\" are not taken." + advice(rules)};
  return {};
}

} // namespace skein
