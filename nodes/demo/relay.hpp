// Relays between a node and what it connects to, with which the demo cuts and slows a network that
// is otherwise inside one machine. A relay listens at an address of its own and carries bytes to
// its target; what is cut stays under way, as with TCP, and comes when the network is whole again.
//
//   node --- address of the relay ---> relay --- target ---> the other node, or the store
//              "there": from who connected to the target; "back": the other way
//
// Bounded: a connection holds held_bytes_max in each direction and then is not read; a relay has
// connections_max. One thread for all relays; the methods may be called from any thread.
#pragma once

#include "protocol/result.hpp"
#include "protocol/time.hpp"
#include "protocol/unique_fd.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstdint>
#include <deque>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace skein::demo {

struct relay_rules {
  bool cut_there = false;
  bool cut_back = false;
  duration delay_there{0};
  duration delay_back{0};
  friend bool operator==(const relay_rules&, const relay_rules&) = default;
};

/// Of a socket: a unix socket's path, or an address of the internet.
struct socket_address {
  sockaddr_storage bytes{};
  socklen_t size = 0;

  /// invalid_argument: the path is too long for a socket.
  static result<socket_address> unix_path(const std::string& path);
  /// A port of this machine alone; 0: the system chooses.
  static socket_address loopback(std::uint16_t port);
  /// Looks a name up. store_unreachable.
  static result<socket_address> find(const std::string& host, const std::string& port);
};

using relay_id = std::size_t;

class relays {
 public:
  static constexpr std::size_t held_bytes_max = 256 << 10;
  static constexpr std::size_t connections_max = 256;

  relays();
  ~relays();
  relays(const relays&) = delete;
  relays& operator=(const relays&) = delete;

  /// Listens from now on. io_error.
  result<relay_id> open(const socket_address& at, const socket_address& target);
  /// Of one that listens on loopback.
  std::uint16_t port(relay_id which) const;
  void set(relay_id which, const relay_rules& rules);
  /// Bytes that it has carried, both ways.
  std::uint64_t carried(relay_id which) const;

 private:
  using time = std::chrono::steady_clock::time_point;
  struct piece {
    std::string bytes;
    time at; // not before
  };
  struct direction {
    std::deque<piece> held;
    std::size_t bytes = 0;
    bool ended = false; // its source has
    bool has_room() const;
  };
  struct connection {
    unique_fd client, target;
    direction there, back;
    bool reached = false; // the target
    bool over = false;
  };
  struct relay {
    unique_fd listener;
    socket_address target;
    std::uint16_t port = 0;
    relay_rules rules;
    std::list<connection> connections; // the thread's own
    std::uint64_t carried = 0;
  };
  struct waiting; // what the poll is told

  void run();
  void wait_for(const waiting& on, time now) const;
  void accept(relay& at);
  bool move(int from, int to, direction& by, duration delay, std::uint64_t& carried, time now);
  void wake() const;

  mutable std::mutex mutex_;
  std::list<relay> relays_; // guarded by mutex_, but for connections
  bool ends_ = false;       // guarded by mutex_
  unique_fd wake_;
  std::thread thread_;
};

} // namespace skein::demo
