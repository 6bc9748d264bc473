// Where the demo's events last: one of a few kinds, and the only place that knows which.
#pragma once

#include "nodes/demo/folders.hpp"
#include "nodes/demo/own_postgres.hpp"
#include "nodes/demo/plan.hpp"
#include "nodes/demo/relay.hpp"
#include "protocol/result.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace skein::demo {

enum class store_kind : std::uint8_t {
  given_postgres, // --store
  own_postgres,   // --ha: a server of the demo's own
  sqlite,         // a store a node
};

/// What the words of the command line ask for, on a machine with or without a PostgreSQL server.
/// invalid_argument: it cannot be had; says what to do.
result<store_kind> choose_store(const plan& asked, bool has_server);

class store {
 public:
  /// Starts what is to be started, and tries what is given: it must hold nothing yet.
  static result<std::unique_ptr<store>> open(const plan& asked, const std::string& cluster,
                                             const folders& where, relays& network);

  store_kind kind() const noexcept { return kind_; }
  /// Whether all nodes have this one.
  bool is_shared() const noexcept { return kind_ != store_kind::sqlite; }
  /// For `store` in the node's configuration; its relay is made with the first call.
  result<std::string> url_for(const std::string& node);
  /// Of a node that has asked for its URL, of a shared store.
  relay_id relay_of(const std::string& node) const { return relays_.at(node); }
  /// A line for the introduction.
  std::string described() const;
  /// What stays behind, and how to remove it; empty: nothing.
  std::string farewell() const;
  const own_postgres* server() const noexcept { return server_.get(); }

 private:
  store(store_kind kind, const folders& where, relays& network)
    : kind_{kind}, folders_{where}, network_{network} {}
  result<void> try_database(const std::string& cluster) const;

  store_kind kind_;
  const folders& folders_;
  relays& network_;
  std::string url_;
  std::unique_ptr<own_postgres> server_;
  std::map<std::string, relay_id> relays_; // by node
};

} // namespace skein::demo
