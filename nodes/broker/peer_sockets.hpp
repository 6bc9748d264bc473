// The sockets between nodes: one ROUTER that peers connect to, a DEALER to each peer, the handler
// that says who is let in, and the monitor that tells of handshakes that failed. All of it lives on
// the broker's thread and never waits.
#pragma once

#include "actors/log_pace.hpp"
#include "nodes/broker/mesh.hpp"
#include "nodes/broker/zmq_frames.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace skein {

class peer_sockets {
 public:
  /// Binds. invalid_config, port_in_use, store_unsafe (the folder of an ipc socket).
  static result<std::unique_ptr<peer_sockets>> open(zmq::context_t& context, std::string node,
                                                    mesh_settings settings);
  ~peer_sockets();
  peer_sockets(const peer_sockets&) = delete;
  peer_sockets& operator=(const peer_sockets&) = delete;

  const peer_core& core() const noexcept { return core_; }
  const std::string& endpoint() const noexcept { return endpoint_; }

  /// The broker's thread, from here on.
  void begin(boot_time now);
  void add_items(std::vector<zmq::pollitem_t>& items);
  /// What the poll told of the items that were added, from the first of them on. `take` gets the
  /// frames for this node.
  void handle(const zmq::pollitem_t* items, boot_time now,
              const std::function<void(const slice&)>& take);
  /// False: no such peer.
  bool send(const std::string& peer, const slice& bytes, boot_time now);
  void tick(boot_time now);
  void set_allowed(peer_list list, boot_time now);
  void put_peer(const std::string& name, const std::string& endpoint, boot_time now);
  void remove_peer(const std::string& name, boot_time now);
  mesh_facts facts(boot_time now) const;

 private:
  struct connection {
    zmq::socket_t socket;
    bytes_under_way under_way;
  };
  struct told { // of one reason and peer
    boot_time at{};
    std::uint64_t left_out = 0;
  };

  peer_sockets(zmq::context_t& context, std::string node, mesh_settings settings);
  result<void> bind();
  void answer_zap();
  void take_event();
  bool take_from_door(boot_time now, const std::function<void(const slice&)>& take);
  void take_returned(const std::string& peer, boot_time now);
  void run(peer_core::effects effects, boot_time now);
  std::optional<zmq::socket_t> make_dealer();
  void open_connection(const open_peer& to);
  void send_now_to(const send_to_peer& what);
  void log_refused(const refused_message& what, boot_time now);

  zmq::context_t& context_;
  std::string node_;
  mesh_settings settings_;
  peer_core core_;
  std::string endpoint_;
  zmq::socket_t door_;
  zmq::socket_t zap_;     // with keys
  zmq::socket_t monitor_; // of the door
  std::map<std::string, connection> connections_;
  std::vector<std::string> polled_; // connections in the order of the last add_items
  std::map<std::pair<std::string, refusal>, told> told_;
  log_pace no_socket_pace_;
  std::uint64_t accepted_ = 0, ended_ = 0, failed_ = 0;
};

} // namespace skein
