// The node's ZeroMQ side: one context, the broker thread that owns the ROUTERs, and the links.
//
//   actor --send()--> bounded queue + eventfd --> link thread (DEALER) --> broker thread (ROUTER)
//   --> link of this node, or the broker's DEALER to another node's broker, tcp with CURVE
//
// ZeroMQ sockets are not thread-safe and actors move between threads, hence a thread that owns each
// socket. A link that is slow to take its frames fills its own pipe only: the broker drops (and
// counts) what does not fit, never waits, and the sender sends again.
#pragma once

#include "actors/ports.hpp"
#include "nodes/broker/mesh.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace skein {

/// Called on the link's thread with each frame that arrives.
using frame_sink = std::function<void(slice)>;

class broker {
 public:
  /// Starts the broker thread of this node, without other nodes.
  explicit broker(std::string node);
  /// With other nodes: listens and connects. Errors: why it cannot listen.
  static result<std::unique_ptr<broker>> open(std::string node, mesh_settings mesh);
  ~broker();
  broker(const broker&) = delete;
  broker& operator=(const broker&) = delete;

  /// A link that speaks for `name`. It must be destroyed before the broker. Its sink is called
  /// until then.
  std::unique_ptr<bus_port> connect(std::string name, frame_sink sink);

  struct counters {
    std::uint64_t forwarded = 0;  // frames handed on
    std::uint64_t malformed = 0;  // frames that were none
    std::uint64_t unroutable = 0; // for parts that are not connected
    std::uint64_t impostors = 0;  // from links that do not speak for their sender
    std::uint64_t not_sent = 0;   // the target's pipe was full
  };
  counters counted() const;

  /// Who may come in, from now on; who is not in it any more is out at once. Any thread, as the
  /// next ones; without a mesh they do nothing.
  void set_allowed(peer_list list);
  /// Another node that is to be connected to, and no more.
  void put_peer(std::string name, std::string endpoint);
  void remove_peer(std::string name);
  /// At most a second old.
  mesh_facts mesh() const;

 private:
  struct impl;
  explicit broker(std::unique_ptr<impl> parts);
  std::unique_ptr<impl> impl_;
};

} // namespace skein
