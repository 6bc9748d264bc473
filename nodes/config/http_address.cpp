#include "nodes/config/http_address.hpp"

#include <arpa/inet.h>

#include <array>
#include <charconv>

namespace skein {

namespace {

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (text.empty() || code != std::errc{} || end != text.data() + text.size())
    return std::nullopt;
  return port;
}

bool is_address(int family, const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  return ::inet_pton(family, host.c_str(), bytes.data()) == 1;
}

} // namespace

std::optional<http_address> parse_http_address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || text.find('\0') != std::string_view::npos)
    return std::nullopt;
  const auto port = parse_port(text.substr(colon + 1));
  if (!port)
    return std::nullopt;
  std::string_view host = text.substr(0, colon);
  if (host == "localhost")
    return http_address{"127.0.0.1", *port};
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed)
    host = host.substr(1, host.size() - 2);
  if (!is_address(bracketed ? AF_INET6 : AF_INET, std::string{host}))
    return std::nullopt;
  return http_address{std::string{host}, *port};
}

bool is_loopback(std::string_view host) {
  in6_addr six{};
  if (::inet_pton(AF_INET6, std::string{host}.c_str(), &six) == 1)
    return IN6_IS_ADDR_LOOPBACK(&six);
  in_addr four{};
  return ::inet_pton(AF_INET, std::string{host}.c_str(), &four) == 1 &&
         ntohl(four.s_addr) >> 24 == 127;
}

std::string to_string(const http_address& address) {
  const bool six = address.host.find(':') != std::string::npos;
  return (six ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

} // namespace skein
