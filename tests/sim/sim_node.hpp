// One simulated node: the real engine and the real broker's decisions over simulated ports. It
// outlives its processes: boot() starts one, crash() ends it at any point, a drain ends it in
// order.
#pragma once

#include "actors/engine.hpp"
#include "tests/sim/history.hpp"
#include "tests/sim/sim_journal.hpp"
#include "tests/sim/sim_options.hpp"
#include "tests/support/sim_clock.hpp"
#include "tests/support/sim_store.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace caf::scheduler {
class test_coordinator;
}

namespace skein::test {

/// What all nodes of a run share.
struct sim_world {
  sim_timeline timeline;
  std::uint64_t trace = 14695981039346656037ull; // FNV-1a over all that happens
  std::map<std::string, std::uint64_t> seen;     // rare things, counted
  bool verbose = false;

  void mix(std::uint64_t value) { trace = (trace ^ value) * 1099511628211ull; }
  void mix(std::string_view bytes) {
    for (const char each : bytes)
      mix(static_cast<std::uint64_t>(static_cast<unsigned char>(each)));
  }
};

class sim_node {
 public:
  sim_node(std::string name, sim_world& world, sim_options options, sim_random dice);
  ~sim_node();
  sim_node(const sim_node&) = delete;
  sim_node& operator=(const sim_node&) = delete;

  void boot();
  /// The process ends here and now. Not from inside of a job.
  void crash();
  void signal();
  bool up() const { return engine_ != nullptr; }
  std::uint64_t life() const { return life_; }
  engine& api() { return *engine_; }
  moment now() const { return clock_->now(); }

  /// The actors' work, one message at a time, in an order by seed.
  bool has_job() const;
  void run_job();
  /// After each job and event: ends the process if it has to. True if it did.
  bool end_if_due();

  /// Another configuration, while it works: fewer slots, an agent less or one more, other routes.
  void reload(sim_random& dice);
  /// All agents that there ever were, unless that is so already.
  void reload_whole();

  void set_wall(duration by);
  void heal();
  void note(happening what);
  void read_ledgers();
  void read_jobs();
  /// Reads every event back from the store.
  void read_back();
  std::uint64_t pending();
  /// Nothing is on its way to the store, or back.
  bool store_is_idle() const { return store_->idle(); }
  /// As the keeper of the jobs knows them: their ends come to it a little later.
  std::size_t runs_of_jobs() const;

  const sim_options& options() const { return options_; }
  const history& happened() const { return history_; }
  sim_world& world() { return world_; }
  const std::string& name() const { return name_; }

 private:
  void record_jobs(const journal::keep_op& keep, instant at);
  void record_stand(const std::string& agent, const std::string& job, std::string_view text,
                    jobs_kept& made);
  engine_setup make_setup();
  void attach_ports();
  settings_change whole_settings() const;
  void change_to(settings_change to, bool is_whole);
  void attach_runner(const agent_settings& agent, agent_no number);
  result<journal::commit_receipt> commit(const std::vector<journal::operation>& batch, instant now);
  void record_commit(const std::vector<journal::operation>& batch,
                     const journal::commit_receipt& receipt);
  void record_accepted(const journal::accept_op& op, event_id event, instant at,
                       std::optional<delivery_id> cause, bool kept = false);
  void end_process(bool orderly);
  void die_soon();
  void plan_upkeep();
  void keep_up();
  caf::scheduler::test_coordinator& jobs() const;
  bool dying() const { return dies_ || !engine_; }

  std::string name_;
  sim_world& world_;
  sim_options options_;
  sim_random dice_;
  history history_;
  sim_wall wall_;
  sim_journal journal_;
  std::uint64_t life_ = 0;
  std::uint64_t commits_ = 0;
  std::uint64_t dropped_ = 0; // events, by retention
  bool disk_down_ = false;

  // of the process
  std::unique_ptr<sim_clock> clock_;
  std::unique_ptr<sim_store> store_;
  std::unique_ptr<sim_network> network_;
  std::map<std::string, std::unique_ptr<sim_runner>> runners_;
  std::unique_ptr<engine> engine_;
  bool starting_ = false;
  bool dies_ = false;
  bool hastened_ = false;
  bool is_whole_ = false; // its configuration has all agents, as far as is known
  std::optional<finish_effect> drained_;
};

/// A digest of bytes, for records.
std::uint64_t digest(std::string_view bytes);

} // namespace skein::test
