// Brokers of several nodes on loopback, and clients that are none, for tests with real sockets.
#pragma once

#include "nodes/broker/broker.hpp"
#include "nodes/broker/curve_key.hpp"
#include "protocol/frame.hpp"

#include <catch2/catch.hpp>
#include <zmq.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

namespace skein::test {

inline constexpr std::chrono::seconds mesh_patience{60};

/// Looks until it holds.
bool eventually(const std::function<bool()>& holds, duration at_most = mesh_patience);

/// The frames that came, and the news.
class post_box {
 public:
  frame_sink sink();
  std::vector<frame> frames() const;
  std::size_t count() const;
  /// Numbers of the queries of one sender, in the order in which they came.
  std::vector<std::uint64_t> queries(const std::string& node) const;

 private:
  mutable std::mutex mutex_;
  std::vector<frame> frames_;
};

slice query_frame(const address& from, const address& to, std::uint64_t number,
                  std::size_t bytes = 2);

/// A node's broker with one part of its own, "loop/0".
struct mesh_node {
  mesh_node(std::string name, const key_pair& keys, const peer_list& allowed,
            std::map<std::string, std::string> peers = {}, std::uint64_t boot = 0);

  std::string endpoint() const { return bus->mesh().endpoint; }
  peer_facts of(const std::string& peer) const;
  bool is_up(const std::string& peer) const { return of(peer).up; }
  /// Both directions work: frames to it are sent, and its own are taken.
  bool is_met(const std::string& peer) const { return of(peer).up && of(peer).heard; }
  std::uint64_t refused(refusal why) const;
  void send(const std::string& node, std::uint64_t number, std::size_t bytes = 2);
  address at(const std::string& part = "loop/0") const { return {name, part}; }

  std::string name;
  post_box box;
  mutable std::mutex mutex;
  std::vector<peer_news> news; // guarded by mutex
  std::unique_ptr<broker> bus;
  std::unique_ptr<bus_port> loop;
};

/// Keys of nodes "n1", "n2", ... that all know each other.
struct key_ring {
  explicit key_ring(const std::vector<std::string>& names);
  std::map<std::string, key_pair> keys;
  peer_list allowed;
  const key_pair& of(const std::string& name) const { return keys.at(name); }
};

/// A DEALER with its own ideas of who it is.
class stranger {
 public:
  /// Without keys it speaks no CURVE.
  stranger(const std::string& endpoint, const std::string& routing_id, const key_pair* keys,
           const std::string& server_key);
  void send(const slice& bytes);
  void greet(const std::string& node, const std::string& to, std::uint64_t boot);
  /// Empty: nothing came within so long.
  std::optional<frame> receive(duration at_most);

 private:
  zmq::context_t context_;
  zmq::socket_t dealer_;
};

/// No file can be opened while it lives.
class no_descriptors {
 public:
  no_descriptors() {
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    const int lowest_free = ::dup(STDERR_FILENO);
    ::close(lowest_free);
    rlimit none = before_;
    none.rlim_cur = static_cast<rlim_t>(lowest_free);
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  }
  ~no_descriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  no_descriptors(const no_descriptors&) = delete;
  no_descriptors& operator=(const no_descriptors&) = delete;

 private:
  rlimit before_{};
};

} // namespace skein::test
