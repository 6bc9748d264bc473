// A TCP proxy on loopback that misbehaves as networks do: late, unevenly late, slow, silent in one
// direction or both, reset. What it draws comes from a seed. What does not get through stays under
// way, as it would with TCP: it comes when the network is whole again. Bounded: a connection holds
// limits of its own a direction, and then is not read.
#pragma once

#include "protocol/time.hpp"
#include "protocol/unique_fd.hpp"

#include <atomic>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>

namespace skein::test {

struct network_rules {
  duration delay{0};                // of each piece
  duration jitter{0};               // more, at most; order stays
  std::size_t bytes_per_second = 0; // a direction and connection; 0: no limit
  bool cut_there = false;           // nothing goes from who connected to the target
  bool cut_back = false;
};

class chaos_proxy {
 public:
  static constexpr std::size_t held_bytes_max = 256 << 10; // a direction and connection
  static constexpr std::size_t connections_max = 64;

  chaos_proxy(std::uint16_t target, std::uint64_t seed);
  ~chaos_proxy();
  chaos_proxy(const chaos_proxy&) = delete;
  chaos_proxy& operator=(const chaos_proxy&) = delete;

  std::uint16_t port() const { return port_; }
  std::string endpoint() const { return "tcp://127.0.0.1:" + std::to_string(port_); }
  void set(const network_rules& rules);
  /// Ends every connection there is, without a goodbye.
  void reset();
  std::uint64_t carried() const { return carried_.load(); } // bytes

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
    double allowance = 0;
  };
  struct connection {
    unique_fd client, target;
    direction there, back;
  };

  void run();
  void take_connection();
  bool carry(connection& of, time now);
  bool pump(int from, int to, direction& by, bool cut, time now);
  long patience(time now) const;

  unique_fd listener_, wake_;
  std::uint16_t port_ = 0, target_;
  std::mt19937_64 random_;
  std::list<connection> connections_; // the thread's own
  network_rules now_;                 // likewise
  time last_{};                       // likewise
  mutable std::mutex mutex_;
  network_rules rules_;                // guarded by mutex_
  bool resets_ = false, ends_ = false; // guarded by mutex_
  std::atomic<std::uint64_t> carried_{0};
  std::thread thread_;
};

} // namespace skein::test
