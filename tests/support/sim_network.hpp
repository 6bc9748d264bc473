// The way of frames inside one simulated node: parts -> links -> the real broker's decisions ->
// parts. Loses, repeats, delays and reorders by seed.
#pragma once

#include "actors/ports.hpp"
#include "nodes/broker/broker_core.hpp"
#include "tests/support/sim_random.hpp"
#include "tests/support/sim_timeline.hpp"

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace skein::test {

struct network_faults {
  double drop = 0;
  double duplicate = 0;
  bool reorder = false;
  duration delay_max{std::chrono::milliseconds{1}};
  double refuse = 0; // the link's queue is full
};

class sim_network {
 public:
  /// `sink` gets what arrives at the node's parts; `saw` is told of rare things by name.
  sim_network(std::string node, const std::vector<std::string>& links, sim_timeline& timeline,
              sim_random dice, const network_faults& faults, std::function<void(const slice&)> sink,
              std::function<void(const std::string&)> saw);

  bus_port& link(const std::string& name) { return *links_.at(name); }
  /// Nothing arrives any more.
  void cut() { *connected_ = false; }

 private:
  class port final : public bus_port {
   public:
    port(sim_network& network, std::string name) : network_{network}, name_{std::move(name)} {}
    bool send(slice frame) override { return network_.send(name_, std::move(frame)); }

   private:
    sim_network& network_;
    std::string name_;
  };

  bool send(const std::string& from, slice frame);
  void note_repeats(const slice& frame);
  void hop(const std::string& lane, std::function<void()> arrive);

  sim_timeline& timeline_;
  sim_random dice_;
  const network_faults& faults_; // may be healed while frames are under way
  broker_core broker_;
  std::map<std::string, std::unique_ptr<port>> links_;
  std::map<std::string, boot_time> last_arrival_; // by hop, while order is kept
  std::set<std::tuple<address, address, std::uint64_t>> reliable_sent_;
  std::function<void(const slice&)> sink_;
  std::function<void(const std::string&)> saw_;
  std::shared_ptr<bool> connected_ = std::make_shared<bool>(true);
};

} // namespace skein::test
