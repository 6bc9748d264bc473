// The actors of one node as one thing, without a word of CAF: what nodes/ composes and what the
// simulator runs. Life: construct, recover() each pending event, load() their rows, attach buses
// and runners, start(), ..., stop().
#pragma once

#include "actors/api.hpp"
#include "actors/board.hpp"
#include "actors/jobs/zone_rules.hpp"
#include "actors/log.hpp"
#include "actors/ports.hpp"
#include "actors/settings.hpp"
#include "actors/shutdown_core.hpp"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace caf {
class actor_system;
}

namespace skein {

struct engine_setup {
  engine_settings settings;
  std::string version;
  journal::store_identity store;
  std::vector<std::string>
      agent_names; // by number, from the journal; those of agent_names_of() are among them
  std::vector<agent_no> agents_with_state;
  commit_no last_commit{};
  instant opened_at = no_instant; // the store's last_commit_at() before recover()
  window_settings window;
  clock_port* clock = nullptr; // the ports outlive the engine
  store_port* store_at = nullptr;
  lease_port* leases = nullptr;   // of a store that several nodes share; nothing is recovered then
  journal::member_info member;    // likewise: what this node says of itself
  std::vector<std::string> peers; // the other nodes, where each has a store of its own
  /// What another node asks of this one's configuration; may come more than once. Any thread.
  std::function<void(caller, std::string operation, std::string arguments,
                     std::function<void(api_answer)>)>
      config_asked;
  log_sink log;
  /// A time zone by its name; nullptr: there is none.
  std::function<const zone_rules*(std::string_view)> find_zone;
  /// Called once, when the drain has ended; on an actor's thread.
  std::function<void(finish_effect)> drained;
  duration audit_retention = limits::retention; // of records of what people changed
  bool tell_turns = false;                      // a log line for each start and end
  bool testing = false;                         // CAF's testing scheduler: nothing runs by itself
};

/// The names of agents that an engine needs the numbers of: the configured ones, and its own.
/// `shared`: the store is several nodes'.
std::vector<std::string> agent_names_of(const engine_settings& settings, bool shared = false);

/// The names of the links that a node's engine needs, in order: "gateway", "agents", "loop/0", ...
std::vector<std::string> link_names(const engine_settings& settings);

class engine : public node_api {
 public:
  explicit engine(engine_setup setup);
  ~engine() override;
  engine(const engine&) = delete;
  engine& operator=(const engine&) = delete;

  void recover(const journal::pending_event& found);
  result<void> load(journal::reader& from);
  void attach_bus(const std::string& link, bus_port& bus);
  void attach_runner(const std::string& agent, runner_port& runner);
  void start();

  /// A frame came for a part of this node; any thread. Frames that do not decode are counted and
  /// dropped.
  void deliver(const slice& frame);
  /// Frames to another node arrive, as they did not for a while; any thread.
  void peer_up(const std::string& node);
  /// What an agent's runner tells; any thread.
  void report(const std::string& agent, runner_news news);
  /// A changed configuration, in two steps. First the store gives its agents numbers: `done` comes
  /// on any thread, and after an error nothing has changed.
  void prepare_change(const settings_change& to, std::function<void(result<void>)> done);
  /// Then it takes effect: an event that is offered after the return is routed by it, and a turn
  /// that begins then begins by it. What runs goes on as it began; what waits for an agent that has
  /// gone waits until it is back. `runners` are of the agents that need one and have none yet.
  /// `draining` once the end has begun. One change at a time, from start() until stop().
  result<void> change(settings_change to, const std::map<std::string, runner_port*>& runners);
  /// Which configuration this node works by: `view` is what status shows, a JSON object. The other
  /// nodes are told the number and the hash; to be called again every config_told_every, as frames
  /// may be lost. Any thread, from start() until stop().
  void tell_config(std::string view, std::uint64_t generation, const std::string& hash);
  /// Asks another node's config_asked, again and again for ten seconds; timed_out then. Any thread.
  void ask_config(const std::string& node, const caller& by, const std::string& operation,
                  const std::string& arguments, std::function<void(api_answer)> done);
  /// That take part, as far as is known.
  std::vector<std::string> other_nodes() const;
  /// Refuses new events with this error from now on; errc::none takes them again. What was taken
  /// goes on. Any thread, also before start().
  void set_intake(error closed);
  /// SIGTERM or SIGINT: drain; the second one hastens.
  void signal();
  /// Ends all actors. Ports may be destroyed afterwards. No API call after this.
  void stop();

  struct facts {
    gateway_facts gateway;
    lease_facts leases;
    job_facts jobs;
    std::vector<loop_facts> loops;
    std::vector<std::string> agent_names; // of those configured, in their order
    std::vector<agent_facts> agents;      // theirs
    std::uint64_t config_generation = 0;  // as last told
    std::size_t stream_readers = 0;
    std::uint64_t undecodable_frames = 0;
  };
  facts read_facts() const;
  /// Asks all loops of this node, on the road of every question: by the gateway and the broker.
  /// `done` is told whether each has answered within the time; never, if the gateway hangs. From
  /// start() until stop().
  void probe(duration within, std::function<void(bool all)> done);
  /// Agents, routes and jobs are those of the start, or of the last change.
  const engine_settings& settings() const;
  std::vector<std::string> agent_names() const; // all that the store knows, by number

  // node_api
  const hash_settings& hash() const override;
  const event_limits& event_bounds() const override;
  instant now() const override;
  void publish(std::vector<offered_event> events, std::function<void(publish_reply)> done) override;
  void await_event(event_id event, duration timeout, std::function<void(bool)> done) override;
  void ask(std::string operation, std::string arguments_json,
           std::function<void(api_answer)> done) override;
  void act(caller by, std::string operation, std::string arguments_json,
           std::function<void(api_answer)> done) override;
  const token_book& tokens() const override;
  /// What is to be called, once, with the answer of a change that is made elsewhere: its record is
  /// there before `done` is; without one if nothing was changed for certain. From start() until
  /// stop().
  std::function<void(api_answer)> recorded(const caller& by, const std::string& operation,
                                           const std::string& arguments_json,
                                           std::function<void(api_answer)> done);
  std::uint64_t subscribe(stream_filter filter, stream_sink deliver) override;
  void resume(std::uint64_t subscription) override;
  void unsubscribe(std::uint64_t subscription) override;
  errc readiness() const override;
  void metrics(std::function<void(std::string)> done) override;
  /// What metrics() tells; set by the composition root. The store's facts are absent until it
  /// first answered.
  void set_metrics(std::function<std::string(const std::optional<store_facts>&)> render);

  /// For the simulator, which drives the testing scheduler itself.
  caf::actor_system& system();

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace skein
