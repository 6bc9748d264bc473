// A client of one simulated node: offers events, some of them again or under a known name with
// other content, and cancels. Whatever it was told is in the node's history.
#pragma once

#include "tests/sim/sim_node.hpp"

#include <vector>

namespace skein::test {

class sim_client {
 public:
  sim_client(sim_node& node, sim_random dice) : node_{node}, dice_{dice} {}

  /// Spreads its requests over the time of work.
  void plan();
  bool waiting() const { return open_ > 0; }
  /// The process that was to answer is gone.
  void forget() { open_ = 0; }

 private:
  void publish();
  void cancel();
  event make_event();
  std::string type_by_dice();

  sim_node& node_;
  sim_random dice_;
  std::vector<event> offered_;
  std::vector<event_id> known_;
  std::uint64_t requests_ = 0;
  std::uint64_t ids_ = 0;
  std::size_t open_ = 0;
};

} // namespace skein::test
