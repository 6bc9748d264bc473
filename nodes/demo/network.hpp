// The demo's network: a relay on each node's way to each other one, and to the store, and what is
// cut or slow between two places.
#pragma once

#include "nodes/demo/folders.hpp"
#include "nodes/demo/relay.hpp"
#include "nodes/demo/store.hpp"
#include "protocol/result.hpp"

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace skein::demo {

/// What goes from one place to another.
struct way {
  bool cut = false;
  duration delay{0};
};

class network {
 public:
  network(relays& by, const folders& where) : relays_{by}, folders_{where} {}

  /// Relays between this node and those before it.
  result<void> add(const std::string& node);
  /// The node's relay to the store, which is there.
  void add_store(const std::string& node, relay_id relay);
  const std::vector<std::string>& nodes() const noexcept { return nodes_; }

  void set(const std::string& from, const std::string& to, const way& how);
  way between(const std::string& from, const std::string& to) const;
  /// All that goes from this place, and to it; empty: everything is whole again.
  void mend(const std::string& place = {});
  bool is_cut_from_store(const std::string& node) const;
  /// "n1 -> n2 cut", for a person.
  std::vector<std::string> described() const;

 private:
  void apply();

  relays& relays_;
  const folders& folders_;
  std::vector<std::string> nodes_;
  std::map<std::pair<std::string, std::string>, relay_id> on_way_; // from a node, to a place
  std::map<std::pair<std::string, std::string>, way> ways_;        // but those that are whole
};

} // namespace skein::demo
