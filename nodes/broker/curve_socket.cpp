#include "nodes/broker/curve_socket.hpp"

#include "journal/store_folder.hpp"
#include "nodes/broker/zap.hpp"
#include "protocol/check.hpp"
#include "protocol/limits.hpp"

#include <array>
#include <ctime>
#include <string_view>
#include <sys/stat.h>

namespace skein {

namespace {

constexpr std::string_view ipc_scheme = "ipc://";

/// A value that ZeroMQ refuses is a mistake of ours.
void set(zmq::socket_t& socket, int option, int value) {
  SKEIN_CHECK(zmq_setsockopt(socket.handle(), option, &value, sizeof value) == 0);
}
void set(zmq::socket_t& socket, int option, std::chrono::milliseconds value) {
  set(socket, option, static_cast<int>(value.count()));
}
void set_text(zmq::socket_t& socket, int option, std::string_view text) {
  SKEIN_CHECK(zmq_setsockopt(socket.handle(), option, text.data(), text.size()) == 0);
}
void set_key(zmq::socket_t& socket, int option, const std::string& key) {
  SKEIN_CHECK(zmq_setsockopt(socket.handle(), option, key.c_str(), key.size() + 1) == 0);
}

result<void> check_ipc_folder(const std::string& path) {
  const std::string folder = path.substr(0, path.rfind('/'));
  struct stat found {};
  if (::stat(folder.c_str(), &found) != 0 || !S_ISDIR(found.st_mode))
    return error{errc::invalid_config,
                 "There is no folder " + folder + " for the broker's socket."};
  if (found.st_uid != ::geteuid() || (found.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return error{errc::store_unsafe, folder +
                                         " must belong to this user, and nobody else may write "
                                         "to it: it is to have the broker's socket"};
  return {};
}

error cannot_bind(const std::string& endpoint) {
  const int why = zmq_errno();
  return {why == EADDRINUSE ? errc::port_in_use : errc::invalid_config,
          "The broker cannot listen at " + endpoint + ": " + zmq_strerror(why) + "."};
}

} // namespace

boot_time boot_now() {
  timespec at{};
  ::clock_gettime(CLOCK_BOOTTIME, &at);
  return boot_time{std::chrono::seconds{at.tv_sec} + std::chrono::nanoseconds{at.tv_nsec}};
}

void set_up_peer_socket(zmq::socket_t& socket, const std::string& endpoint) {
  set(socket, ZMQ_SNDHWM, limits::peer_high_water);
  set(socket, ZMQ_RCVHWM, limits::peer_high_water);
  set(socket, ZMQ_LINGER, 0);
  const auto largest = static_cast<std::int64_t>(limits::peer_message_bytes_max);
  SKEIN_CHECK(zmq_setsockopt(socket.handle(), ZMQ_MAXMSGSIZE, &largest, sizeof largest) == 0);
  set(socket, ZMQ_HEARTBEAT_IVL, limits::peer_heartbeat_every);
  set(socket, ZMQ_HEARTBEAT_TIMEOUT, limits::peer_heartbeat_timeout);
  set(socket, ZMQ_HEARTBEAT_TTL, limits::peer_heartbeat_timeout);
  set(socket, ZMQ_HANDSHAKE_IVL, limits::peer_handshake_max);
  if (endpoint.find('[') != std::string::npos)
    set(socket, ZMQ_IPV6, 1);
}

void set_up_server(zmq::socket_t& socket, const std::optional<key_pair>& keys) {
  set(socket, ZMQ_ROUTER_MANDATORY, 1); // an unknown peer is an error, not a silent loss
  set(socket, ZMQ_ROUTER_HANDOVER, 0);  // nobody takes the place of a connection that is there
  set(socket, ZMQ_BACKLOG, limits::peer_backlog);
  if (!keys)
    return;
  set(socket, ZMQ_CURVE_SERVER, 1);
  set_key(socket, ZMQ_CURVE_SECRETKEY, keys->secret.reveal());
  set_text(socket, ZMQ_ZAP_DOMAIN, zap_domain);
}

void set_up_client(zmq::socket_t& socket, const std::string& routing_id,
                   const std::optional<key_pair>& keys, const std::string& server_key) {
  set_text(socket, ZMQ_ROUTING_ID, routing_id);
  set(socket, ZMQ_IMMEDIATE, 1); // nothing is kept for a connection that is not there yet
  set(socket, ZMQ_CONNECT_TIMEOUT, limits::peer_handshake_max);
  set(socket, ZMQ_RECONNECT_IVL, limits::peer_reconnect_first);
  set(socket, ZMQ_RECONNECT_IVL_MAX, limits::peer_reconnect_max);
  if (!keys)
    return;
  set_key(socket, ZMQ_CURVE_SERVERKEY, server_key);
  set_key(socket, ZMQ_CURVE_PUBLICKEY, keys->public_key);
  set_key(socket, ZMQ_CURVE_SECRETKEY, keys->secret.reveal());
}

result<std::string> bind_to(zmq::socket_t& socket, const std::string& endpoint) {
  const bool is_ipc = endpoint.starts_with(ipc_scheme);
  const std::string path = is_ipc ? endpoint.substr(ipc_scheme.size()) : std::string{};
  if (is_ipc) {
    if (auto safe = check_ipc_folder(path); !safe)
      return safe.error();
    const mode_t before = ::umask(0177);
    const bool bound = zmq_bind(socket.handle(), endpoint.c_str()) == 0;
    ::umask(before);
    if (!bound)
      return cannot_bind(endpoint);
    if (::chmod(path.c_str(), 0600) != 0)
      return journal::system_error(errno, "closing " + path + " to others");
  } else if (zmq_bind(socket.handle(), endpoint.c_str()) != 0) {
    return cannot_bind(endpoint);
  }
  std::array<char, 256> bound{};
  std::size_t size = bound.size();
  SKEIN_CHECK(zmq_getsockopt(socket.handle(), ZMQ_LAST_ENDPOINT, bound.data(), &size) == 0);
  return std::string{bound.data()};
}

} // namespace skein
