#include "tests/sim/cluster/cluster_network.hpp"

namespace skein::test {

void cluster_network::join(const std::string& node, std::uint64_t boot,
                           const std::vector<std::string>& links, sim_timeline& own,
                           std::function<void(const slice&)> sink) {
  nodes_.erase(node);
  member& made = nodes_.emplace(node, member{broker_core{node}, boot, &own, {}, std::move(sink)})
                     .first->second;
  for (const std::string& name : links) {
    made.links.emplace(name, std::make_unique<port>(*this, node, name));
    made.broker.on_frame("link-" + name,
                         encode_frame({{node, name}, {node, "broker"}, 0}, hello{1}));
  }
}

void cluster_network::send(const std::string& node, const std::string& link, slice frame) {
  member& from = nodes_.at(node);
  if (!from.alive)
    return;
  hop(*from.own, from, [this, node, link, frame = std::move(frame)] {
    const auto peek = peek_frame(frame.view());
    SKEIN_CHECK(peek);
    if (const std::string& other = peek->header.to.node; other != node)
      return to_node(node, other, frame);
    member& here = nodes_.at(node);
    hand_over(here, here.broker.on_frame("link-" + link, frame));
  });
}

void cluster_network::to_node(const std::string& from, const std::string& to, slice frame) {
  const auto found = nodes_.find(to);
  if (found == nodes_.end() || !found->second.alive || cuts_.contains({from, to}))
    return; // nobody hears it
  hop(*found->second.own, found->second, [this, to, frame = std::move(frame)] {
    member& there = nodes_.at(to);
    const auto peek = peek_frame(frame.view());
    if (peek->header.to_boot != 0 && peek->header.to_boot != there.boot)
      return; // it answers an earlier process
    ++between_nodes;
    hand_over(there, there.broker.on_peer_frame(frame));
  });
}

void cluster_network::hand_over(member& at, std::vector<delivery_to> frames) {
  for (delivery_to& each : frames)
    hop(*at.own, at, [&at, bytes = std::move(each.bytes)] { at.sink(bytes); });
}

/// `arrive` is called by a process that still runs, or not at all.
void cluster_network::hop(sim_timeline& on, member& at, std::function<void()> arrive) {
  if (dice_.chance(faults_.drop))
    return;
  for (int copy = dice_.chance(faults_.duplicate) ? 2 : 1; copy > 0; --copy)
    on.at(timeline_.now() + dice_.skewed(std::chrono::microseconds{5}, faults_.delay_max),
          [alive = std::weak_ptr<int>{at.alive}, arrive] {
            if (alive.lock())
              arrive();
          });
}

} // namespace skein::test
