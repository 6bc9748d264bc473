#include "tests/sim/cluster/cluster_node.hpp"

#include "journal/memory_leases.hpp"
#include "tests/sim/sim_reader.hpp"

#include <caf/actor_system.hpp>
#include <caf/scheduler/test_coordinator.hpp>

#include <cstdio>
#include <utility>

namespace skein::test {

namespace {

using namespace std::chrono_literals;

constexpr duration store_silence = 500ms; // then a question to a store that is cut off has failed
constexpr double slow_answer = 0.01;      // of the store's: it waits for something

} // namespace

/// The lease port over a store in memory: a question takes its way there and back.
class cluster_node::sim_leases final : public lease_port {
 public:
  sim_leases(std::unique_ptr<journal::lease_store> leases, sim_timeline& timeline, sim_random dice,
             const bool& is_cut, std::shared_ptr<store_time> time)
    : leases_{std::move(leases)}, timeline_{timeline}, dice_{dice}, is_cut_{is_cut},
      time_{std::move(time)} {}

  void beat_now(duration ttl, bool leaving, std::function<void(beat)> done) override {
    ask<beat>(
        [this, ttl, leaving] {
          beat told;
          told.held = leases_->renew(ttl);
          told.view = leases_->heartbeat(ttl, leaving);
          return told;
        },
        beat{error{errc::store_unreachable, ""}, error{errc::store_unreachable, ""}},
        [this, asked = timeline_.now(), done = std::move(done)](beat told) {
          if (told.view)
            time_->heard(told.view->at, asked, timeline_.now());
          done(std::move(told));
        });
  }
  void take(std::vector<shard_id> shards, duration ttl,
            std::function<void(result<std::vector<journal::taken_shard>>)> done) override {
    ask<result<std::vector<journal::taken_shard>>>(
        [this, shards = std::move(shards), ttl] { return leases_->take(shards, ttl); },
        errc::store_unreachable, std::move(done));
  }
  void release(std::vector<shard_id> shards, std::function<void(result<void>)> done) override {
    ask<result<void>>([this, shards = std::move(shards)] { return leases_->release(shards); },
                      errc::store_unreachable, std::move(done));
  }

 private:
  /// One at a time, in order: what is asked while the store is cut off may be done all the same.
  template <class T>
  void ask(std::function<T()> what, T failed, std::function<void(T)> done) {
    const auto alive = std::weak_ptr<int>{alive_};
    last_ = std::max(last_, timeline_.now()) + dice_.skewed(200us, 5ms);
    timeline_.at(last_, [this, alive, what = std::move(what), failed = std::move(failed),
                         done = std::move(done)] {
      if (!alive.lock())
        return;
      if (is_cut_ && dice_.chance(0.3))
        static_cast<void>(what()); // it got there, and the answer is lost
      T said = is_cut_ ? failed : what();
      const duration way =
          dice_.chance(slow_answer) ? dice_.between(100ms, 1500ms) : dice_.skewed(200us, 5ms);
      const duration back = is_cut_ ? store_silence : way;
      last_answer_ = std::max(last_answer_, timeline_.now() + back);
      timeline_.at(last_answer_, [alive, said = std::move(said), done] {
        if (alive.lock())
          done(said);
      });
    });
  }

  std::unique_ptr<journal::lease_store> leases_;
  sim_timeline& timeline_;
  sim_random dice_;
  const bool& is_cut_;
  std::shared_ptr<store_time> time_;
  boot_time last_{};
  boot_time last_answer_{};
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

/// While the store is cut off nothing can be looked up.
class cluster_node::cut_reader final : public sim_reader {
 public:
  cut_reader(std::unique_ptr<journal::reader> from, const bool& is_cut)
    : sim_reader{std::move(from), [] {}}, is_cut_{is_cut} {}

  result<std::optional<journal::event_record>> find(event_id event) override {
    return is_cut_ ? errc::store_unreachable : sim_reader::find(event);
  }
  result<journal::event_page> list(const journal::event_filter& filter) override {
    return is_cut_ ? errc::store_unreachable : sim_reader::list(filter);
  }
  result<state_page> states(agent_no agent, std::string_view after, std::string_view before,
                            std::size_t limit) override {
    return is_cut_ ? errc::store_unreachable : sim_reader::states(agent, after, before, limit);
  }

 private:
  const bool& is_cut_;
};

cluster_node::cluster_node(std::string name, cluster_world& world, sim_random dice, duration skew)
  : name_{std::move(name)}, world_{world}, dice_{dice}, wall_{world.wall.zero + skew} {}

cluster_node::~cluster_node() {
  if (engine_)
    end_process(false);
}

caf::scheduler::test_coordinator& cluster_node::jobs() const {
  return dynamic_cast<caf::scheduler::test_coordinator&>(engine_->system().scheduler());
}

// ---- the process ------------------------------------------------------------------------------

void cluster_node::boot() {
  SKEIN_CHECK(!engine_);
  journal::member_info who;
  who.node = name_;
  ++life_;
  who.boot = std::to_string(world_.boots + 1);
  owner_ = who.owner();
  gate_ = std::make_unique<gated_timeline>(world_.timeline);
  store_time_ = std::make_shared<store_time>();
  store_time_->heard(world_.now(), gate_->now(), gate_->now());
  clock_ = std::make_unique<sim_clock>(
      *gate_, wall_, [known = store_time_](boot_time now) { return known->passed(now); });
  journal::open_options how;
  how.shards = world_.options.shards;
  how.now = clock_->now().wall;
  how.seed = 1;
  auto opened = journal::open_shared_memory(world_.store, how, owner_);
  SKEIN_CHECK(opened.ok());
  journal_ = *std::move(opened);
  auto reader = journal_->new_reader();
  SKEIN_CHECK(reader.ok());
  store_ = std::make_unique<sim_store>(
      *journal_, std::make_unique<cut_reader>(*std::move(reader), store_is_cut_), *gate_,
      dice_.fork(), world_.options.store, world_.options.loops,
      sim_store::hooks{[this] { return clock_->now().wall; },
                       [this](const auto& batch, instant at) { return commit(batch, at); }, [] {},
                       [this](instant last) { clock_->not_before(last); }});
  leases_ = std::make_unique<sim_leases>(
      journal::open_memory_leases(world_.store, who, [this] { return world_.now(); }), *gate_,
      dice_.fork(), store_is_cut_, store_time_);
  drains_ = drained_ = false;
  engine_ = std::make_unique<engine>(make_setup(who));
  const auto links = link_names(engine_->settings());
  world_.network.join(name_, engine_->settings().boot, links, *gate_, [this](const slice& bytes) {
    if (engine_)
      engine_->deliver(bytes);
  });
  for (const std::string& link : links)
    engine_->attach_bus(link, world_.network.link(name_, link));
  for (const agent_settings& each : world_.options.agents)
    if (each.kind == agent_kind::exec)
      attach_runner(each);
  engine_->start();
}

void cluster_node::reload(bool whole) {
  settings_change to{world_.options.agents, world_.options.routes, world_.options.jobs};
  for (agent_settings& each : to.agents)
    if (!whole)
      each.concurrency = static_cast<std::uint32_t>(1 + dice_.below(each.concurrency));
  agent_settings extra; // that no file has at a start
  extra.name = "extra";
  to.agents.push_back(extra);
  to.routes.push_back({"leaf.*", "", "", extra.name});
  engine_->prepare_change(to, [this, to, life = life_](const result<void>& prepared) {
    const bool done = up() && life == life_ && prepared && engine_->change(to, {});
    ++world_.judge.seen[done ? "configuration changed" : "change of the configuration refused"];
  });
}

engine_setup cluster_node::make_setup(const journal::member_info& who) {
  engine_setup setup;
  setup.settings.node = name_;
  setup.settings.boot = ++world_.boots;
  setup.settings.loops = world_.options.loops;
  setup.settings.agents = world_.options.agents;
  setup.settings.routes = world_.options.routes;
  setup.settings.jobs = world_.options.jobs;
  setup.settings.seed = dice_.next();
  setup.find_zone = [](std::string_view) -> const zone_rules* {
    static const utc_zone utc;
    return &utc;
  };
  setup.version = "sim";
  setup.store = journal_->identity();
  for (const std::string& each : agent_names_of(setup.settings, true))
    SKEIN_CHECK(journal_->agent_number(each).ok());
  for (const agent_settings& each : world_.options.agents)
    if (each.pure)
      world_.judge.agent_is_pure(journal_->agent_number(each.name).value());
  setup.agent_names = journal_->agent_names();
  setup.last_commit = journal_->last_commit();
  setup.opened_at = journal_->last_commit_at();
  setup.clock = clock_.get();
  setup.store_at = store_.get();
  setup.leases = leases_.get();
  setup.member = who;
  setup.log = [this](std::string_view component, const log_effect& line) {
    ++world_.judge.seen["log " + std::string{line.id}];
    if (world_.verbose)
      std::printf("%lld %s %.*s %.*s %s\n",
                  static_cast<long long>(world_.timeline.now().time_since_epoch().count() / 1000),
                  name_.c_str(), static_cast<int>(component.size()), component.data(),
                  static_cast<int>(line.id.size()), line.id.data(), line.text.c_str());
  };
  setup.drained = [this](const finish_effect&) { drained_ = true; };
  setup.testing = true;
  return setup;
}

void cluster_node::attach_runner(const agent_settings& agent) {
  sim_runner::hooks call;
  call.started = [this](const turn_start& turn) {
    world_.judge.started(owner_, turn.turn, world_.now());
    engine_->report(turn.agent, {{turn.turn}, {}, {}});
  };
  call.ended = [](const turn_report&) {};
  call.report = [this, name = agent.name](turn_report report) {
    if (engine_)
      engine_->report(name, {{}, {std::move(report)}, {}});
  };
  call.process_dies = [] {};
  runners_[agent.name] =
      std::make_unique<sim_runner>(*gate_, dice_.fork(), world_.options.agent, std::move(call));
  engine_->attach_runner(agent.name, *runners_[agent.name]);
}

result<journal::commit_receipt> cluster_node::commit(const std::vector<journal::operation>& batch,
                                                     instant now) {
  if (store_is_cut_)
    return error{errc::store_unreachable, "cut"};
  auto receipt = journal_->commit(batch, now);
  SKEIN_CHECK(receipt.ok());
  world_.judge.committed(batch, *receipt);
  return receipt;
}

void cluster_node::signal() {
  if (!engine_ || drains_)
    return;
  drains_ = true;
  ++world_.judge.seen["drain"];
  engine_->signal();
}

void cluster_node::kill() {
  SKEIN_CHECK(engine_);
  ++world_.judge.seen["kill"];
  end_process(false);
}

void cluster_node::freeze() {
  ++world_.judge.seen["freeze"];
  gate_->freeze();
}

void cluster_node::thaw() { gate_->thaw(); }

bool cluster_node::end_if_due() {
  if (!engine_ || !drained_)
    return false;
  ++world_.judge.seen["drained"];
  end_process(true);
  return true;
}

void cluster_node::end_process(bool orderly) {
  world_.network.silence(name_);
  for (auto& [agent, runner] : runners_)
    runner->cut();
  engine_->stop();
  jobs().run();
  if (orderly)
    store_->finish();
  engine_.reset();
  world_.network.leave(name_);
  store_.reset();
  leases_.reset();
  runners_.clear();
  clock_.reset();
  if (orderly)
    SKEIN_CHECK(journal_->close().ok());
  journal_.reset();
  gate_.reset();
}

bool cluster_node::has_job() const { return engine_ && !gate_->is_frozen() && jobs().has_job(); }

void cluster_node::run_job() {
  auto& queue = jobs().jobs;
  std::swap(queue.front(), queue[dice_.below(queue.size())]);
  jobs().run_once();
}

} // namespace skein::test
