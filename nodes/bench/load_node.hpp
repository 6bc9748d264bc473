// A node in this process under a load, and its own figures.
#pragma once

#include "nodes/node.hpp"

#include <nlohmann/json.hpp>

#include <memory>
#include <string>

namespace skein::bench {

/// Answers at once, with nothing. Pure: what is measured is the road, not the agent.
agent_settings noop_agent();

/// A node with one agent and one route to it, on a port that the system chooses. It drains when it
/// goes.
class load_node {
 public:
  /// How long events and identities are kept. A retention shorter than the dedupe window shortens
  /// that, too.
  struct keeping {
    duration retention = limits::retention;
    duration dedupe_window = limits::dedupe_window;
  };
  static result<std::unique_ptr<load_node>> start(const std::string& data, std::uint32_t loops,
                                                  agent_settings agent, const keeping& kept);
  ~load_node();
  load_node(const load_node&) = delete;
  load_node& operator=(const load_node&) = delete;

  node_api& api() { return node_->api(); }
  std::uint16_t port() const { return node_->http_port(); }

 private:
  explicit load_node(std::unique_ptr<node> started) : node_{std::move(started)} {}

  std::unique_ptr<node> node_;
};

/// The parsed answer of a look-up.
result<nlohmann::json> look_up(node_api& api, const std::string& operation,
                               const nlohmann::json& arguments);

/// Waits until no event is pending; the last status. Looks less often while there are many: to
/// count them holds up the store.
result<nlohmann::json> await_all_done(node_api& api);

} // namespace skein::bench
