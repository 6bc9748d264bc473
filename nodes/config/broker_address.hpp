// The address of a node's broker: "tcp://IP:PORT" or "ipc:///PATH".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace skein {

struct broker_address {
  std::string endpoint; // as ZeroMQ writes it
  bool is_tcp = false;
  std::uint16_t port = 0; // of tcp; 0 = the system chooses
};

/// Hosts are numbers ("localhost" is 127.0.0.1): ZeroMQ would look names up where all connections
/// wait for it. An address that stands for all of a machine's is none that others could connect to.
std::optional<broker_address> parse_broker_address(std::string_view text);

/// Whether others can know where it is: a port that the system chooses is not known to them.
bool can_be_connected_to(std::string_view broker);

/// What is legal, for a message.
std::string_view legal_broker_text();

} // namespace skein
