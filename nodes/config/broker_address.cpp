#include "nodes/config/broker_address.hpp"

#include "nodes/config/http_address.hpp"

#include <sys/un.h>

namespace skein {

namespace {
constexpr std::string_view tcp_scheme = "tcp://";
constexpr std::string_view ipc_scheme = "ipc://";
constexpr std::size_t ipc_path_bytes_max = sizeof(sockaddr_un::sun_path) - 1;
} // namespace

std::optional<broker_address> parse_broker_address(std::string_view text) {
  if (text.starts_with(ipc_scheme)) {
    const std::string_view path = text.substr(ipc_scheme.size());
    if (!path.starts_with('/') || path.ends_with('/') || path.size() > ipc_path_bytes_max ||
        path.find('\0') != std::string_view::npos)
      return std::nullopt;
    return broker_address{std::string{text}, false, 0};
  }
  if (!text.starts_with(tcp_scheme))
    return std::nullopt;
  const auto at = parse_http_address(text.substr(tcp_scheme.size()));
  if (!at || at->host == "0.0.0.0" || at->host == "::")
    return std::nullopt;
  return broker_address{std::string{tcp_scheme} + to_string(*at), true, at->port};
}

bool can_be_connected_to(std::string_view broker) {
  const auto address = parse_broker_address(broker);
  return address && (!address->is_tcp || address->port != 0);
}

std::string_view legal_broker_text() {
  return "legal is \"tcp://IP:PORT\" with an address that the other nodes can connect to (port 0 "
         "lets the system choose), \"ipc:///PATH\", or \"\" for none";
}

} // namespace skein
