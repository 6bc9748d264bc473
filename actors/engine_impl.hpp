// What an engine is made of. Private to it: engine.cpp has what it offers, engine_spawn.cpp makes
// its actors.
#pragma once

#include "actors/access/access_reading.hpp"
#include "actors/broadcast.hpp"
#include "actors/cluster/outbox.hpp"
#include "actors/config_asks.hpp"
#include "actors/engine.hpp"
#include "actors/interfaces.hpp"
#include "actors/lookups.hpp"
#include "actors/roster.hpp"
#include "actors/stream_hub.hpp"

#include <nlohmann/json_fwd.hpp>

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace skein {

struct actor_config : caf::actor_system_config {
  explicit actor_config(bool testing) {
    // `sharing` wakes a worker at once; the default policy polls, which costs latency and idle
    // power.
    set("scheduler.policy", testing ? caf::atom("testing") : caf::atom("sharing"));
    set("scheduler.max-threads", std::max(2u, std::thread::hardware_concurrency()));
  }
};

/// Calls back with true once the event is over; see node_api.
void ask_for_end(const caf::actor& gateway, event_id event, duration timeout,
                 std::function<void(bool)> done);

struct engine::impl {
  explicit impl(engine_setup given)
    : setup{std::move(given)}, config{setup.testing}, system{config} {
    SKEIN_CHECK(setup.settings.loops > 0);
    setup.settings.agents.push_back(broadcast_settings());
    if (is_shared())
      setup.settings.agents.push_back(outbox_settings());
    recovered.resize(setup.agent_names.size());
    for (std::uint32_t i = 0; i < setup.settings.loops; ++i) {
      cores.push_back(std::make_unique<scheduler_core>(scheduler_settings_of(i)));
      loop_boards.push_back(std::make_shared<board<loop_facts>>());
    }
    if (!is_shared()) {
      jobs_core = std::make_shared<job_core>(job_settings_of());
      access = std::make_shared<access_core>(access_settings_of());
    }
    write_roster();
    hub = std::make_shared<stream_hub>(*setup.store_at, agents_now, setup.last_commit,
                                       setup.store.store_id);
  }

  const agent_settings* configured(const std::string& name) const {
    for (const agent_settings& each : setup.settings.agents)
      if (each.name == name)
        return &each;
    return nullptr;
  }

  /// Under `wiring`.
  void tell_intake() {
    if (gateway)
      caf::anon_send(gateway, make_parcel(gateway_call{intake_in{intake}, {}, {}}));
  }

  /// Under `wiring`, alone. What programs told before their agent was there.
  void tell_early_news() {
    std::erase_if(early_news, [this](auto& each) {
      const bool is_there = agents.contains(each.first);
      if (is_there)
        tell(each.first, std::move(each.second));
      return is_there;
    });
  }

  /// Under `wiring`.
  void tell(const std::string& agent, runner_news news) {
    if (const auto found = agents.find(agent); found != agents.end())
      caf::anon_send(found->second, make_parcel(agent_input{news_in{std::move(news)}}));
  }

  scheduler_settings scheduler_settings_of(std::uint32_t loop) const {
    scheduler_settings of;
    of.self = {setup.settings.node, "loop/" + std::to_string(loop)};
    of.boot = setup.settings.boot;
    of.loop = static_cast<loop_no>(loop);
    of.loops = setup.settings.loops;
    of.shards = setup.store.hash.shards;
    of.epoch = static_cast<epoch_no>(setup.store.boot);
    of.shared = is_shared();
    if (is_shared())
      of.outbox = number_of(outbox_agent);
    of.window = setup.window;
    of.opened_at = setup.opened_at;
    of.unclean = !setup.store.clean;
    of.tell_turns = setup.tell_turns;
    for (std::size_t number = 0; number < setup.agent_names.size(); ++number) {
      const agent_settings* agent = configured(setup.agent_names[number]);
      const bool has_state =
          std::find(setup.agents_with_state.begin(), setup.agents_with_state.end(),
                    static_cast<agent_no>(number)) != setup.agents_with_state.end();
      of.agents.push_back({setup.agent_names[number], agent != nullptr,
                           agent != nullptr && agent->pure, has_state});
    }
    of.routes = routes();
    return of;
  }

  job_settings job_settings_of() const {
    job_settings of;
    of.epoch = static_cast<epoch_no>(setup.store.boot);
    of.hash = setup.store.hash;
    of.bounds = setup.settings.events;
    of.agent_names = setup.agent_names;
    of.routes = routes();
    of.around.find_zone = setup.find_zone;
    of.around.default_zone = setup.settings.timezone;
    for (const agent_settings& each : setup.settings.agents)
      of.around.agents.push_back(each.name);
    of.jobs_agent = number_of(jobs_agent);
    of.states_agent = number_of(job_states_agent);
    of.records_agent = number_of(job_records_agent);
    of.audit_agent = number_of(audit_agent);
    of.node = setup.settings.node;
    of.of_file = setup.settings.jobs;
    of.taken_out = taken_out;
    of.unclean = !setup.store.clean;
    of.shared = is_shared();
    if (is_shared())
      of.outbox = number_of(outbox_agent);
    return of;
  }

  access_settings access_settings_of() const {
    access_settings of;
    of.node = setup.settings.node;
    of.epoch = static_cast<epoch_no>(setup.store.boot);
    of.retention = setup.audit_retention;
    of.shared = is_shared();
    of.tokens_agent = number_of(tokens_agent);
    of.audit_agent = number_of(audit_agent);
    return of;
  }

  std::vector<route_table::route> routes() const {
    std::vector<route_table::route> all;
    for (const route_settings& each : setup.settings.routes)
      all.push_back({each.type, each.source, each.key, number_of(each.agent)});
    all.push_back({std::string{broadcast_type}, "", "", number_of(broadcast_agent)});
    return all;
  }

  bool is_shared() const noexcept { return setup.leases != nullptr; }

  agent_no number_of(std::string_view agent) const {
    const auto found = std::find(setup.agent_names.begin(), setup.agent_names.end(), agent);
    SKEIN_CHECK(found != setup.agent_names.end());
    return static_cast<agent_no>(found - setup.agent_names.begin());
  }

  bus_port* bus(const std::string& link) const {
    const auto found = buses.find(link);
    SKEIN_CHECK(found != buses.end());
    return found->second;
  }

  void warn_of_unconfigured() const;
  void spawn_all();
  void spawn_loops();
  void make_outbox();
  void make_broadcasts();
  std::vector<broadcast_member> members() const;
  void spawn_agents();
  caf::actor spawn_agent(const agent_settings& agent);
  std::vector<retry_settings> policies();
  /// Of an agent's name; its own as long as the engine is there.
  std::shared_ptr<board<agent_facts>> board_of(const std::string& agent);
  void write_roster();
  // engine_change.cpp, under `wiring`
  void take_over(settings_change to);
  void tell_agents(const std::vector<agent_settings>& before, bool told_replies,
                   const std::map<std::string, runner_port*>& given);
  void tell_loops();
  void tell_jobs();
  // engine_config.cpp
  frame_header config_header(const std::string& to) const;
  void hear_config(const frame& told);
  void answer_ask(const frame_header& asker, std::uint64_t request, const nlohmann::json& words);
  std::shared_ptr<jobs_parts> jobs_parts_of(std::shared_ptr<job_core> core);
  std::shared_ptr<access_parts> access_parts_of(std::shared_ptr<access_core> core);
  void spawn_keepers();
  using record_sink =
      std::function<void(const audit_record&, std::function<void(api_answer)> written)>;
  record_sink record_writer() const;
  void ask_node(const caller& by, std::string operation, std::string arguments,
                std::function<void(api_answer)> done);
  std::string next_note() const;
  void spawn_membership(shutdown_parts& drain);
  std::shared_ptr<lookups> make_lookups(engine& owner);

  engine_setup setup;
  actor_config config;
  caf::actor_system system;
  std::vector<std::unique_ptr<scheduler_core>> cores; // until start()
  std::shared_ptr<job_core> jobs_core;                // until start(); none of a shared store
  std::shared_ptr<access_core> access;                // likewise
  std::vector<std::size_t> recovered;                 // deliveries, by agent number
  std::map<std::string, bus_port*> buses;
  std::map<std::string, runner_port*> runners;
  std::unique_ptr<outbox_runner> outbox; // of a shared store
  std::unique_ptr<broadcast_runner> broadcasts;
  std::vector<std::shared_ptr<board<loop_facts>>> loop_boards;
  std::map<std::string, std::shared_ptr<board<agent_facts>>> agent_boards;
  std::shared_ptr<roster_board> agents_now = std::make_shared<roster_board>();
  /// Of all that were ever configured: turns of those that have gone since end by theirs.
  std::map<std::string, retry_settings> retries_of;
  std::set<std::string> taken_out; // jobs that the file had, and has no more
  std::shared_ptr<board<job_settings>> kept_jobs = std::make_shared<board<job_settings>>();
  bool alone_slot_served = false;
  std::shared_ptr<board<gateway_facts>> gateway_board = std::make_shared<board<gateway_facts>>();
  std::shared_ptr<board<job_facts>> job_board = std::make_shared<board<job_facts>>();
  std::shared_ptr<board<lease_facts>> lease_board = std::make_shared<board<lease_facts>>();
  std::shared_ptr<board<config_facts>> config_known = std::make_shared<board<config_facts>>();
  std::mutex config_mutex;                                  // of who writes config_known
  std::shared_ptr<config_asks> asks;                        // from start()
  std::vector<std::shared_ptr<scheduler_parts>> loop_parts; // while they are spawned
  std::shared_ptr<keepers_parts> desk_parts;                // of a shared store
  std::shared_ptr<token_book> book = std::make_shared<token_book>();
  std::shared_ptr<stream_hub> hub;
  std::shared_ptr<lookups> look;

  // Written by start() and stop() alone; frames and reports may come while they do.
  mutable std::shared_mutex wiring;
  bool spawned = false;                                        // guarded by wiring, as what follows
  std::vector<std::pair<std::string, runner_news>> early_news; // told before there were agents
  caf::actor gateway;
  caf::actor shutdown;
  caf::actor jobs;
  caf::actor keeper;     // of tokens and records of changes
  caf::actor keepers;    // of a shared store: the way to both
  caf::actor membership; // of a shared store
  std::vector<caf::actor> schedulers;
  std::vector<caf::actor> retries;
  std::map<std::string, caf::actor> agents;
  error intake;                                // guarded by wiring
  std::atomic<errc> intake_closed{errc::none}; // its code
  std::atomic<bool> serving{false};
  std::atomic<bool> draining{false};
  std::atomic<std::uint64_t> undecodable{0};
  mutable std::atomic<std::uint64_t> notes{0};
  std::function<std::string(const std::optional<store_facts>&)> render_metrics;
};

} // namespace skein
