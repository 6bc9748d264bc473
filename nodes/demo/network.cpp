#include "nodes/demo/network.hpp"

#include "nodes/demo/commands.hpp"

#include <fmt/format.h>

namespace skein::demo {

result<void> network::add(const std::string& node) {
  for (const std::string& other : nodes_)
    for (const auto& [from, to] : {std::pair{node, other}, std::pair{other, node}}) {
      const auto at = socket_address::unix_path(folders_.broker(from, to));
      const auto target = socket_address::unix_path(folders_.broker(to));
      if (!at || !target)
        return !at ? at.error() : target.error();
      const auto opened = relays_.open(*at, *target);
      if (!opened)
        return opened.error();
      on_way_[{from, to}] = *opened;
    }
  nodes_.push_back(node);
  return {};
}

void network::add_store(const std::string& node, relay_id relay) {
  on_way_[{node, std::string{store_place}}] = relay;
}

void network::set(const std::string& from, const std::string& to, const way& how) {
  ways_[{from, to}] = how;
  apply();
}

way network::between(const std::string& from, const std::string& to) const {
  const auto found = ways_.find({from, to});
  return found == ways_.end() ? way{} : found->second;
}

void network::mend(const std::string& place) {
  std::erase_if(ways_, [&](const auto& each) {
    return place.empty() || each.first.first == place || each.first.second == place;
  });
  apply();
}

void network::apply() {
  for (const auto& [ends, relay] : on_way_) {
    const way there = between(ends.first, ends.second);
    const way back = between(ends.second, ends.first);
    relays_.set(relay, {there.cut, back.cut, there.delay, back.delay});
  }
}

bool network::is_cut_from_store(const std::string& node) const {
  const std::string store{store_place};
  return between(node, store).cut || between(store, node).cut;
}

std::vector<std::string> network::described() const {
  std::vector<std::string> lines;
  for (const auto& [ends, how] : ways_) {
    if (how.cut)
      lines.push_back(fmt::format("{} to {} cut", ends.first, ends.second));
    if (how.delay > duration{0})
      lines.push_back(
          fmt::format("{} to {} {}", ends.first, ends.second, format_duration(how.delay)));
  }
  return lines;
}

} // namespace skein::demo
