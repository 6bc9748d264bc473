// The cluster on its stage: folders, store, network and nodes, in the order in which they start and
// end. It does what it is told and says what it sees; what is told to people is the play's.
#pragma once

#include "nodes/demo/doors.hpp"
#include "nodes/demo/folders.hpp"
#include "nodes/demo/network.hpp"
#include "nodes/demo/node_client.hpp"
#include "nodes/demo/node_process.hpp"
#include "nodes/demo/plan.hpp"
#include "nodes/demo/relay.hpp"
#include "nodes/demo/store.hpp"
#include "nodes/demo/waits.hpp"
#include "protocol/result.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace skein::demo {

/// What a node says of the cluster.
struct cluster_view {
  struct node {
    std::string state; // "up", "draining"
    std::uint32_t shards = 0;
  };
  std::map<std::string, node> nodes; // those that take part
  std::uint32_t shards = 0;
  std::uint32_t unowned = 0;
  std::string keeper;

  std::uint32_t shards_of(const std::string& name) const {
    const auto found = nodes.find(name);
    return found == nodes.end() ? 0 : found->second.shards;
  }
};

/// What the demo knows of one of its processes.
struct stage_node {
  std::optional<node_process> process; // empty: it has ended, or was never started
  std::uint16_t port = 0;              // of its HTTP API, now or last
  bool paused = false;
  bool drained = false;
  std::string end; // how it ended
};

class stage {
 public:
  /// Starts the store; no node yet.
  static result<std::unique_ptr<stage>> open(const plan& asked, const std::string& cluster,
                                             waits& patience);
  /// All nodes are told to end, and killed if they do not.
  ~stage();
  stage(const stage&) = delete;
  stage& operator=(const stage&) = delete;

  /// The next node's place in the network; not started.
  result<std::string> add();
  std::uint32_t count() const { return static_cast<std::uint32_t>(nodes_.size()); }
  /// Until it serves. io_error: it did not, with its own words.
  result<void> start(const std::string& name);
  void kill(const std::string& name);
  void pause(const std::string& name);
  void resume(const std::string& name);
  /// As a supervisor would.
  void end_all();

  const std::map<std::string, stage_node>& nodes() const noexcept { return nodes_; }
  stage_node& node(const std::string& name) { return nodes_.at(name); }
  /// Of processes that have ended by themselves since it was last asked.
  std::vector<std::string> take_ended();
  /// Readable when a process ends.
  std::vector<int> ended_fds() const;

  /// A running node's answer to a GET; it may stand still or be cut off.
  std::optional<node_answer> ask(const std::string& name, const std::string& target,
                                 duration patience);
  /// The answer of any node that can know; nothing: none can.
  std::optional<json> ask_any(const std::string& target);
  std::optional<node_answer> post_any(const std::string& target);
  std::optional<cluster_view> look();
  /// As this node sees it; nothing: it does not answer, or does not know.
  std::optional<cluster_view> look_at(const std::string& name);

  demo::network& network() noexcept { return network_; }
  const demo::store& store() const noexcept { return *store_; }
  demo::folders& folders() const noexcept { return *folders_; }
  const demo::doors& doors() const noexcept { return doors_; }

 private:
  stage(std::unique_ptr<demo::folders> where, waits& patience, std::uint32_t nodes_at_most);
  result<void> write_config(const std::string& name);
  result<bool> try_start(const std::string& name, std::uint16_t port);
  /// Those that run, reach the store and do not stand still.
  std::vector<std::string> able() const;
  node_client& client(const std::string& name);

  std::unique_ptr<demo::folders> folders_;
  waits& waits_;
  std::uint32_t nodes_at_most_;
  std::string program_; // this binary
  std::string cluster_;
  relays relays_;
  std::unique_ptr<demo::store> store_;
  demo::network network_;
  demo::doors doors_;
  std::map<std::string, std::pair<std::uint16_t, node_client>> clients_;
  std::map<std::string, stage_node> nodes_;
};

} // namespace skein::demo
