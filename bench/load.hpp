// What the benchmarks share: a node in this process, a load, a window, and the node's own figures.
#pragma once

#include "actors/api.hpp"
#include "nodes/node.hpp"

#include <nlohmann/json.hpp>

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace skein::bench {

struct plan {
  std::size_t events = 1'000'000;
  std::size_t keys = 1'000;
  std::size_t payload = 200;   // bytes of data
  std::size_t window = 12'288; // events offered and not yet acknowledged
  std::size_t batch = 512;
  std::size_t rate = 2'000; // events a second, where a rate is held
  std::size_t connections = 8;
  std::uint32_t loops = 2;
  std::string agent = "noop"; // noop, echo, exec
  std::string via = "inproc"; // inproc, http
  std::string worker;         // the program of the exec agent
  std::string data; // the store's folder; empty = a fresh one below $TMPDIR, removed afterwards
  bool json = false;
};

/// Ends the process with a usage message when an option is unknown.
plan read_plan(int argc, char** argv);

/// The edge that holds a producer back.
class window {
 public:
  explicit window(std::size_t size) : left_{size} {}
  void take(std::size_t count);
  void give(std::size_t count, std::size_t refused);
  std::size_t refused();

 private:
  std::mutex mutex_;
  std::condition_variable ready_;
  std::size_t left_;
  std::size_t refused_ = 0;
};

/// A node with one agent and one route to it. Drains and removes its folder at the end.
class bench_node {
 public:
  explicit bench_node(const plan& of);
  ~bench_node();
  node_api& api() { return node_->api(); }
  std::uint16_t port() const { return node_->http_port(); }

 private:
  std::string folder_;
  bool own_folder_ = false;
  std::unique_ptr<node> node_;
};

/// The parsed answer of a look-up; ends the process on an error.
nlohmann::json look_up(node_api& api, const std::string& operation,
                       const nlohmann::json& arguments);

event make_event(const plan& of, std::size_t number);
std::vector<offered_event> make_batch(node_api& api, const plan& of, std::size_t first,
                                      std::size_t count);

} // namespace skein::bench
