// How a socket between nodes is set up: bounded queues, heartbeats, CURVE. The defaults of ZeroMQ
// lose silently, wait for ever, and let everybody in.
#pragma once

#include "nodes/broker/curve_key.hpp"
#include "protocol/result.hpp"
#include "protocol/time.hpp"

#include <zmq.hpp>

#include <optional>
#include <string>

namespace skein {

/// What both sides have. `endpoint` is where it will be bound or connected.
void set_up_peer_socket(zmq::socket_t& socket, const std::string& endpoint);

/// A ROUTER that lets in who the handler knows; without keys, everybody who can open the socket.
void set_up_server(zmq::socket_t& socket, const std::optional<key_pair>& keys);

/// A DEALER to the peer that has the secret of `server_key`.
void set_up_client(zmq::socket_t& socket, const std::string& routing_id,
                   const std::optional<key_pair>& keys, const std::string& server_key);

/// Where it is bound: with the port that the system chose. port_in_use, invalid_config; an ipc
/// socket must lie in a folder of this user alone (store_unsafe), and is made 0600.
result<std::string> bind_to(zmq::socket_t& socket, const std::string& endpoint);

boot_time boot_now();

} // namespace skein
