// One node: the composition root. Parts are built in the order of their dependencies and end in
// reverse:
//
//   clock -> journal -> engine (recovers) -> store threads -> broker, links -> exec runners ->
//   actors -> HTTP
#pragma once

#include "nodes/config/node_options.hpp"
#include "protocol/result.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace skein {

class node_api;

/// What a node ended with.
struct node_end {
  int code = 0;                  // 0, 75 (overrun)
  std::vector<std::string> left; // turns that were cut off
  std::size_t pending = 0;       // events that wait for the next start
  duration time_left{0};         // until the drain's deadline, when the actors were done
};

/// The process ends with this code when a commit's outcome is unknown: what is on disk must be read
/// anew.
inline constexpr int exit_store_failed = 74;

/// Closing the store may take no longer: a disk can hang.
inline constexpr std::chrono::seconds store_close_max{4};

/// The log's last lines may take no longer, before a process that ends at once.
inline constexpr std::chrono::milliseconds last_lines_limit{200};

class node {
 public:
  /// Serves when it returns. `guard` is the command of the process that ends what exec agents have
  /// started if the node is killed (agents/program_guard.hpp); empty = none.
  static result<std::unique_ptr<node>> start(const node_options& options,
                                             std::vector<std::string> guard = {});
  ~node();
  node(const node&) = delete;
  node& operator=(const node&) = delete;

  std::uint16_t http_port() const;
  node_api& api();

  /// Tells whether the parts that do the work answer within the time (engine::probe). Not after
  /// finish().
  void probe(duration within, std::function<void(bool all)> done);

  /// SIGTERM, SIGINT or the end of a terminal: drain; a second one hastens. Any thread.
  void signal();
  /// SIGHUP: read the configuration's file again. Any thread.
  void reload();
  /// Told when the node begins to take over a configuration, and when it has; on another thread.
  void tell_reloads(std::function<void(bool begins)> tell);
  /// Readable once drained() has something or the store failed.
  int ended_fd() const;
  /// The store failed: the process must end with exit_store_failed.
  bool store_failed() const;
  /// After the drain: ends every part in reverse order. Ends the process with exit_overrun if
  /// closing the store takes longer than store_close_max.
  node_end finish();

 private:
  struct impl;
  explicit node(std::unique_ptr<impl> parts);
  std::unique_ptr<impl> impl_;
};

/// Starts a node, tells `ready` its port and a supervisor that it serves, and serves until it has
/// drained after a signal. Returns the process's exit code, or why it could not start. For main.
result<int> run_node(const node_options& options,
                     const std::function<void(const node_options&, std::uint16_t port)>& ready,
                     std::vector<std::string> guard = {});

} // namespace skein
