// "HOST:PORT" of a listener.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace skein {

struct http_address {
  std::string host; // "127.0.0.1", "::1"; without brackets
  std::uint16_t port = 0;
  friend bool operator==(const http_address&, const http_address&) = default;
};

/// Reads "127.0.0.1:7411", "[::1]:7411" and "localhost:7411" (as 127.0.0.1). Hosts are numbers
/// otherwise: a name may mean another address tomorrow. Empty when it is none of these.
std::optional<http_address> parse_http_address(std::string_view text);

/// Reachable from this machine only.
bool is_loopback(std::string_view host);

/// "127.0.0.1:7411", "[::1]:7411"
std::string to_string(const http_address& address);

} // namespace skein
