// The named look-ups and commands of node_api::ask: each reads the store, asks the loops, or both,
// and puts the answer together. Every call returns at once.
#pragma once

#include "actors/api.hpp"
#include "actors/board.hpp"
#include "actors/config_facts.hpp"
#include "actors/ports.hpp"
#include "actors/roster.hpp"

#include <nlohmann/json_fwd.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace skein {

/// What the look-ups work with; all of it outlives them.
struct lookup_sources {
  std::string node;
  std::uint32_t loops_count = 1;
  std::string version;
  std::string store_id;
  std::uint32_t shards = 1;
  std::shared_ptr<roster_board> roster;
  clock_port* clock = nullptr;
  store_port* store = nullptr;
  /// Asks one loop or all.
  std::function<void(ask_in, std::function<void(std::vector<answer>)>)> ask_loops;
  std::vector<std::shared_ptr<board<loop_facts>>> loops;
  std::shared_ptr<board<gateway_facts>> gateway;
  std::shared_ptr<board<job_facts>> jobs;
  std::shared_ptr<board<lease_facts>> leases; // of a shared store
  std::shared_ptr<board<config_facts>> config;
  std::function<errc()> readiness;
  moment started{};
};

/// What the store last said of itself. `stale`: it did not answer in time, this is from before.
struct known_facts {
  std::optional<store_facts> facts; // empty: it never answered
  boot_time at{};
  bool stale = false;
};

class lookups : public std::enable_shared_from_this<lookups> {
 public:
  using reply = std::function<void(api_answer)>;

  explicit lookups(lookup_sources sources) : sources_{std::move(sources)} {}

  void ask(const std::string& operation, const std::string& arguments, reply done);

  /// The store's facts, or after limits::status_facts_within the last ones known.
  void store_now(std::function<void(const known_facts&)> done);

 private:
  void describe_event(event_id event, bool again, reply done);
  void show_dead(event_id event, reply done);
  void list_events(const nlohmann::json& arguments, bool dead, reply done);
  void cancel_event(event_id event, reply done);
  void live(const std::vector<event_id>& events, std::function<void(nlohmann::json)> done);
  void view_page(const std::vector<journal::event_record>& events,
                 std::function<void(nlohmann::json)> done);
  struct lane_walk;
  void list_lanes(const nlohmann::json& arguments, reply done);
  void walk_lanes(std::shared_ptr<lane_walk> walk);
  void describe_key(const nlohmann::json& arguments, reply done);
  result<nlohmann::json> states_of(journal::reader& reader, const std::string& key) const;
  // cluster_lookups.cpp
  nlohmann::json cluster_view() const;
  nlohmann::json nodes_view() const;
  void describe_node(const nlohmann::json& arguments, reply done) const;
  void list_shards(const nlohmann::json& arguments, reply done) const;
  std::optional<config_facts::generation> config_of(const config_facts& known,
                                                    const std::string& node) const;
  void add_config(nlohmann::json& row, const config_facts& known, const std::string& node) const;
  /// Null: not all have told.
  nlohmann::json is_config_equal(const config_facts& known) const;
  nlohmann::json config_view() const;
  // status_lookups.cpp
  void status(reply done);
  nlohmann::json status_view(const known_facts& known) const;
  nlohmann::json rates_view() const;
  nlohmann::json lag_view() const;
  nlohmann::json loops_view() const;
  nlohmann::json jobs_view() const;
  nlohmann::json agents_view() const;
  /// Why no turn of the agent can run now; empty if turns can.
  std::string obstacle_of(const std::string& agent) const;
  /// The agents none of whose programs runs, nor can be started.
  std::function<bool(const std::string& agent)> idle_agents() const;
  /// Tells of obstacles in the deliveries of an event that are not over.
  void add_obstacles(nlohmann::json& view) const;
  std::optional<agent_no> agent_named(const std::string& name) const;

  lookup_sources sources_;
  std::mutex known_mutex_;
  known_facts known_;                      // guarded by known_mutex_
  std::atomic<std::size_t> lane_walks_{0}; // under way
};

} // namespace skein
