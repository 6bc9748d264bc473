// One node of a simulated cluster: the real actors over a store that all nodes share. It outlives
// its processes, which start, freeze, lose the store or the network, drain and die at any point.
#pragma once

#include "actors/engine.hpp"
#include "journal/memory_journal.hpp"
#include "nodes/clock/store_time.hpp"
#include "tests/sim/cluster/cluster_judge.hpp"
#include "tests/sim/cluster/cluster_network.hpp"
#include "tests/support/sim_clock.hpp"
#include "tests/support/sim_runner.hpp"
#include "tests/support/sim_store.hpp"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace caf::scheduler {
class test_coordinator;
}

namespace skein::test {

struct cluster_options {
  std::uint32_t nodes = 3;
  std::uint32_t loops = 1;
  std::uint32_t shards = 16;
  std::uint32_t keys = 8;
  std::uint32_t requests = 60; // of all clients
  duration work_time{std::chrono::seconds{30}};
  double hurry = 0;
  duration skew{0}; // of the nodes' clocks, at most
  std::uint32_t kills = 0, freezes = 0, cuts = 0, store_cuts = 0, drains = 0, empties = 0;
  std::uint32_t reloads = 0, broadcasts = 0;
  network_faults network;
  store_faults store;
  agent_faults agent;
  std::vector<agent_settings> agents;
  std::vector<route_settings> routes;
  std::map<std::string, std::string> jobs; // by name, as the configuration has them
  std::uint32_t triggers = 0;              // of them, by people
};

/// What all nodes of a run share.
struct cluster_world {
  cluster_world(cluster_options drawn, sim_random dice)
    : options{std::move(drawn)}, network{timeline, dice.fork(), options.network} {}

  instant now() const { return wall.zero + timeline.now().time_since_epoch(); }

  cluster_options options;
  sim_timeline timeline;
  sim_wall wall;
  std::shared_ptr<journal::memory_store> store = journal::make_memory_store();
  cluster_network network;
  cluster_judge judge{store};
  std::uint64_t boots = 0; // of processes
  bool verbose = false;
};

class cluster_node {
 public:
  /// `skew`: its own clock is so far ahead of the store's.
  cluster_node(std::string name, cluster_world& world, sim_random dice, duration skew);
  ~cluster_node();
  cluster_node(const cluster_node&) = delete;
  cluster_node& operator=(const cluster_node&) = delete;

  void boot();
  void kill();
  void freeze();
  void thaw();
  void cut_store(bool is_cut) { store_is_cut_ = is_cut; }
  void signal();
  /// Another configuration while it works: other slots, an agent and a route more. `whole`: that of
  /// the start, with these.
  void reload(bool whole);
  bool up() const { return engine_ != nullptr; }
  bool takes() const { return up() && !drains_ && !gate_->is_frozen(); }
  std::uint64_t life() const { return life_; }
  engine& api() { return *engine_; }
  const std::string& name() const { return name_; }

  bool has_job() const;
  void run_job();
  /// After each step: ends a process whose drain is over. True if it did.
  bool end_if_due();

 private:
  class sim_leases;
  class cut_reader;
  engine_setup make_setup(const journal::member_info& who);
  void attach_runner(const agent_settings& agent);
  result<journal::commit_receipt> commit(const std::vector<journal::operation>& batch, instant now);
  void end_process(bool orderly);
  caf::scheduler::test_coordinator& jobs() const;

  std::string name_;
  cluster_world& world_;
  sim_random dice_;
  std::uint64_t life_ = 0;
  bool store_is_cut_ = false;
  sim_wall wall_; // its own, which may be wrong

  // of the process
  bool drains_ = false;
  bool drained_ = false;
  std::string owner_;
  std::unique_ptr<gated_timeline> gate_;
  std::shared_ptr<store_time> store_time_;
  std::unique_ptr<sim_clock> clock_;
  std::unique_ptr<journal::engine> journal_;
  std::unique_ptr<sim_store> store_;
  std::unique_ptr<lease_port> leases_;
  std::map<std::string, std::unique_ptr<sim_runner>> runners_;
  std::unique_ptr<engine> engine_;
};

} // namespace skein::test
