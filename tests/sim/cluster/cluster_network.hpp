// The way of frames between simulated nodes: parts -> links -> the real broker's decisions -> the
// other node's broker -> parts. Loses, repeats, delays and cuts by seed.
#pragma once

#include "actors/ports.hpp"
#include "nodes/broker/broker_core.hpp"
#include "tests/support/sim_network.hpp"
#include "tests/support/sim_random.hpp"
#include "tests/support/sim_timeline.hpp"

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace skein::test {

class cluster_network {
 public:
  cluster_network(sim_timeline& timeline, sim_random dice, const network_faults& faults)
    : timeline_{timeline}, dice_{dice}, faults_{faults} {}

  /// A process of that node begins: what is under way to an earlier one is lost.
  void join(const std::string& node, std::uint64_t boot, const std::vector<std::string>& links,
            sim_timeline& own, std::function<void(const slice&)> sink);
  /// It says and hears nothing any more; its links stay until leave().
  void silence(const std::string& node) { nodes_.at(node).alive.reset(); }
  void leave(const std::string& node) { nodes_.erase(node); }
  bus_port& link(const std::string& node, const std::string& name) {
    return *nodes_.at(node).links.at(name);
  }
  /// Nothing goes from one to the other.
  void cut(const std::string& from, const std::string& to) { cuts_.insert({from, to}); }
  void heal() { cuts_.clear(); }

  std::uint64_t between_nodes = 0; // frames that arrived

 private:
  class port final : public bus_port {
   public:
    port(cluster_network& network, std::string node, std::string name)
      : network_{network}, node_{std::move(node)}, name_{std::move(name)} {}
    bool send(slice frame) override {
      network_.send(node_, name_, std::move(frame));
      return true;
    }

   private:
    cluster_network& network_;
    std::string node_;
    std::string name_;
  };
  struct member {
    broker_core broker;
    std::uint64_t boot = 0;
    sim_timeline* own = nullptr;
    std::map<std::string, std::unique_ptr<port>> links;
    std::function<void(const slice&)> sink;
    std::shared_ptr<int> alive = std::make_shared<int>(0);
  };

  void send(const std::string& node, const std::string& link, slice frame);
  void to_node(const std::string& from, const std::string& to, slice frame);
  void hand_over(member& at, std::vector<delivery_to> frames);
  void hop(sim_timeline& on, member& at, std::function<void()> arrive);

  sim_timeline& timeline_;
  sim_random dice_;
  const network_faults& faults_;
  std::map<std::string, member> nodes_;
  std::set<std::pair<std::string, std::string>> cuts_;
};

} // namespace skein::test
