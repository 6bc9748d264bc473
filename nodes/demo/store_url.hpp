// Where the server of a PostgreSQL URL is, and the same URL by way of a relay.
#pragma once

#include "protocol/result.hpp"

#include <cstdint>
#include <string>

namespace skein::demo {

struct server_place {
  std::string host; // a name or an address; of a socket its folder, which begins with '/'
  std::string port = "5432";

  bool is_socket() const { return host.starts_with('/'); }
  /// The file of a server's socket.
  std::string socket_path() const { return host + "/.s.PGSQL." + port; }
};

/// invalid_argument: no URL, or one that names several servers. The URL may hold a password and is
/// never part of the error.
result<server_place> read_store_url(const std::string& url);

/// Connects to the relay's port of this machine; TLS still asks for the server's own name.
std::string by_port(const std::string& url, std::uint16_t port);
/// Connects to the socket ".s.PGSQL.5432" in that folder.
std::string by_socket(const std::string& url, const std::string& folder);

} // namespace skein::demo
