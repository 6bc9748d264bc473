// What the benchmarks share: options, a folder of their own, and a node in this process. The load
// itself is in nodes/bench/.
#pragma once

#include "nodes/bench/load.hpp"
#include "nodes/bench/load_node.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

namespace skein::bench {

struct plan : load {
  std::size_t connections = 8;
  std::uint32_t loops = 2;
  std::string agent = "noop"; // noop, echo, exec
  std::string via = "inproc"; // inproc, http
  std::string worker;         // the program of the exec agent
  std::string data; // the store's folder; empty = a fresh one below $TMPDIR, removed afterwards
  std::size_t far = 10'000'000; // timers: events that are due in days
  std::size_t retention = 0;    // seconds that events are kept; 0 = the default
  std::size_t dedupe = 0;       // seconds that identities are kept; 0 = the default
  std::string part;             // what a benchmark's child process does; see child.hpp
  bool json = false;
};

[[noreturn]] void die(const std::string& why);

/// The value, or the end of the process.
template <class Value>
Value must(result<Value> found) {
  if (!found)
    die(to_string(found.error()));
  return *std::move(found);
}

/// Ends the process with a usage message when an option is unknown.
plan read_plan(int argc, char** argv, plan made = {});

/// Made below $TMPDIR, and removed at the end.
class own_folder {
 public:
  own_folder();
  ~own_folder();
  own_folder(const own_folder&) = delete;
  own_folder& operator=(const own_folder&) = delete;
  const std::string& path() const { return path_; }
  /// Of all files in it.
  std::size_t bytes() const;

 private:
  std::string path_;
};

/// A node with one agent and one route to it. Drains and removes its folder at the end.
class bench_node {
 public:
  explicit bench_node(const plan& of);
  node_api& api() { return node_->api(); }
  std::uint16_t port() const { return node_->port(); }

 private:
  std::unique_ptr<own_folder> folder_;
  std::unique_ptr<load_node> node_;
};

/// The agent of bench_node, as a program that takes one turn, never answers, and so holds all
/// others back.
agent_settings held_agent();

/// A node of a benchmark's part, in the folder of its plan.
std::unique_ptr<load_node> start_part(const plan& of, agent_settings agent);

double seconds_since(std::chrono::steady_clock::time_point begin);

/// The node's own figures; ends the process on an error.
nlohmann::json status_of(node_api& api);

} // namespace skein::bench
