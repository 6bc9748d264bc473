#include "tests/sim/cluster/cluster_simulation.hpp"

#include "actors/broadcast.hpp"
#include "tests/sim/cluster/cluster_node.hpp"

#include <algorithm>
#include <array>
#include <memory>

namespace skein::test {

namespace {

using namespace std::chrono_literals;

constexpr duration rest_max = 5min; // of virtual time, to come to rest

cluster_options draw(sim_random& dice) {
  cluster_options drawn;
  const auto maybe = [&dice](double part, double most) {
    return dice.chance(part) ? most * static_cast<double>(1 + dice.below(100)) / 100.0 : 0.0;
  };
  const auto count = [&dice](double part, std::uint64_t most) {
    return dice.chance(part) ? static_cast<std::uint32_t>(1 + dice.below(most)) : 0u;
  };
  drawn.nodes = static_cast<std::uint32_t>(2 + dice.below(3));
  drawn.loops = static_cast<std::uint32_t>(1 + dice.below(2));
  drawn.shards = std::uint32_t{4} << dice.below(4);
  drawn.keys = static_cast<std::uint32_t>(1 + dice.below(12));
  drawn.requests = static_cast<std::uint32_t>(30 + dice.below(120));
  drawn.work_time = dice.between(10s, 40s);
  drawn.hurry = maybe(0.3, 0.2);
  drawn.skew = dice.chance(0.5) ? duration{0} : dice.between(1ms, 1h);
  drawn.kills = count(0.6, 5);
  drawn.freezes = count(0.6, 5);
  drawn.cuts = count(0.4, 4);
  drawn.store_cuts = count(0.4, 4);
  drawn.drains = count(0.5, 4);
  drawn.empties = count(0.4, 4);
  drawn.triggers = count(0.5, 20);
  drawn.reloads = count(0.4, 5);
  drawn.broadcasts = count(0.5, 6);
  drawn.network = {maybe(0.3, 0.1), maybe(0.3, 0.2), true, dice.between(100us, 20ms)};
  drawn.store.sync_max = dice.between(1ms, 50ms);
  drawn.store.answer_max = dice.between(1ms, 20ms);
  drawn.agent.fail = maybe(0.4, 0.3);
  drawn.agent.emit = maybe(0.7, 0.6);
  drawn.agent.turn_max = dice.chance(0.3) ? dice.between(500ms, 4s) : dice.between(1ms, 200ms);
  for (const auto& [name, kind] :
       {std::pair{"one", agent_kind::exec}, std::pair{"two", agent_kind::exec},
        std::pair{"echo", agent_kind::echo}}) {
    agent_settings agent;
    agent.name = name;
    agent.kind = kind;
    agent.pure = kind == agent_kind::echo;
    agent.concurrency = static_cast<std::uint32_t>(1 + dice.below(6));
    agent.retry.attempts = 20;
    agent.retry.initial = 50ms;
    agent.retry.max = 2s;
    drawn.agents.push_back(std::move(agent));
  }
  drawn.routes = {{"work.*", "", "", "one"},
                  {"*.both", "", "", "one"},
                  {"*.both", "", "", "two"},
                  {"leaf.*", "", "", "two"},
                  {"echo.*", "", "", "echo"}};
  return drawn;
}

/// Until the faults are over.
void draw_jobs(sim_random& dice, cluster_world& world) {
  static constexpr std::array rules{"skip", "queue", "allow", "cancel"};
  static constexpr std::array misfires{"skip", "once", "all"};
  for (std::uint64_t i = dice.below(4); i > 0; --i) {
    const std::string name = "job" + std::to_string(i);
    const auto period = std::chrono::seconds{1 + dice.below(4)};
    const instant end = world.now() + world.options.work_time;
    const std::string agent = dice.chance(0.7) ? "one" : "two";
    world.judge.has_job(name, agent, period, end);
    world.options.jobs[name] =
        R"({"every":")" + std::to_string(period.count()) + R"(s","agent":")" + agent +
        R"(","overlap":")" + rules[dice.below(rules.size())] + R"(","misfire":")" +
        misfires[dice.below(misfires.size())] + R"(","end":")" + format_rfc3339(end) + R"("})";
  }
}

class cluster_simulation {
 public:
  cluster_simulation(std::uint64_t seed, bool verbose) : dice_{seed}, world_{draw(dice_), dice_} {
    world_.verbose = verbose;
    draw_jobs(dice_, world_);
  }
  cluster_verdict run();

 private:
  void plan();
  void publish();
  void broadcast();
  void offer_at(cluster_node& at, const std::vector<event>& events);
  void trigger();
  void trigger_at(cluster_node& at);
  void set_drain(const std::string& node, bool drains);
  void later(std::uint32_t times, const std::function<void(cluster_node&)>& what);
  void boot_later(cluster_node& which);
  void step();
  void run_until(boot_time end);
  bool at_rest() const;
  void heal();
  void meet_later();

  sim_random dice_;
  cluster_world world_;
  std::vector<std::unique_ptr<cluster_node>> nodes_;
  std::uint64_t requests_ = 0;
  std::uint64_t ids_ = 0;
  std::uint64_t triggers_ = 0;
  bool healed_ = false;
};

/// Of some it is later, and some do not wait for ever; the same under the same name.
void set_times(event& made) {
  const std::uint64_t dice = std::hash<std::string>{}(made.id) / 91;
  const auto in_ms = [](std::uint64_t wait) { return "+" + std::to_string(wait) + "ms"; };
  const std::uint64_t due = dice % 3 == 0 ? 100 + dice / 3 % 8'000 : 0;
  if (due > 0)
    made.set_extension(std::string{attribute::due}, in_ms(due));
  if (dice / 7 % 8 == 0)
    made.set_extension(std::string{attribute::expires}, in_ms(due + 500 + dice / 56 % 12'000));
}

void cluster_simulation::publish() {
  cluster_node& at = *nodes_[dice_.below(nodes_.size())];
  if (!at.takes())
    return;
  static constexpr std::array types{"work.item", "work.both", "leaf.item", "leaf.both",
                                    "echo.item"};
  std::vector<event> events;
  for (std::uint64_t count = 1 + dice_.below(5); count > 0; --count) {
    event made;
    made.id = "e" + std::to_string(dice_.chance(0.1) ? dice_.below(ids_ + 1) : ++ids_);
    made.source = "client";
    made.type = types[dice_.below(types.size())];
    made.set_extension(std::string{attribute::partitionkey},
                       "k" + std::to_string(dice_.below(world_.options.keys)));
    // The same under the same name, or it would be a conflict.
    made.type = types[std::hash<std::string>{}(made.id) % types.size()];
    made.set_extension(
        std::string{attribute::partitionkey},
        "k" + std::to_string(std::hash<std::string>{}(made.id) / 7 % world_.options.keys));
    set_times(made);
    made.kind = data_kind::text;
    made.data = "say " + made.id;
    events.push_back(std::move(made));
  }
  offer_at(at, events);
}

/// Of an event for each node; at times the same once more.
void cluster_simulation::broadcast() {
  cluster_node& at = *nodes_[dice_.below(nodes_.size())];
  if (!at.takes())
    return;
  event made;
  made.id = "b" + std::to_string(dice_.below(6));
  made.source = "client";
  made.type = broadcast_type;
  made.kind = data_kind::json;
  made.data = R"({"type":"leaf.item","text":"say it to all"})";
  offer_at(at, {made});
}

void cluster_simulation::offer_at(cluster_node& at, const std::vector<event>& events) {
  std::vector<offered_event> members;
  std::vector<hash128> identities;
  for (const event& each : events) {
    auto checked = offer(each, at.api().hash(), at.api().event_bounds(), at.api().now());
    SKEIN_CHECK(checked.ok());
    identities.push_back(checked->identity);
    members.push_back(*std::move(checked));
  }
  const std::uint64_t request = ++requests_;
  world_.judge.offered(request, std::move(identities));
  at.api().publish(std::move(members),
                   [this, request, &at, life = at.life()](const publish_reply& reply) {
                     if (at.up() && at.life() == life)
                       world_.judge.answered(request, reply.members);
                   });
}

/// Somebody wants a run, at any node.
void cluster_simulation::trigger() {
  cluster_node& at = *nodes_[dice_.below(nodes_.size())];
  if (at.takes())
    trigger_at(at);
}

void cluster_simulation::trigger_at(cluster_node& at) {
  if (world_.options.jobs.empty())
    return;
  const auto job = std::next(world_.options.jobs.begin(),
                             static_cast<std::ptrdiff_t>(dice_.below(world_.options.jobs.size())));
  const std::string by = "t" + std::to_string(++triggers_);
  world_.judge.wanted(by, healed_);
  at.api().ask("job.trigger", R"({"by":")" + by + R"(","job":")" + job->first + R"("})",
               [this, by](const api_answer& told) { world_.judge.told(by, told.code); });
}

/// Asked at any node that is up.
void cluster_simulation::set_drain(const std::string& node, bool drains) {
  std::vector<cluster_node*> takers;
  for (const auto& each : nodes_)
    if (each->takes())
      takers.push_back(each.get());
  if (takers.empty())
    return;
  const std::string operation = drains ? "node.drain" : "node.undrain";
  takers[dice_.below(takers.size())]->api().ask(
      operation, R"({"node":")" + node + R"("})", [this, operation](const api_answer& told) {
        ++world_.judge.seen[operation + " " + std::string{slug(told.code)}];
      });
}

void cluster_simulation::later(std::uint32_t times,
                               const std::function<void(cluster_node&)>& what) {
  for (std::uint32_t i = 0; i < times; ++i)
    world_.timeline.after(dice_.between(2s, world_.options.work_time), [this, what] {
      cluster_node& which = *nodes_[dice_.below(nodes_.size())];
      if (which.up() && !healed_)
        what(which);
    });
}

void cluster_simulation::plan() {
  const cluster_options& how = world_.options;
  for (std::uint32_t i = 0; i < how.requests; ++i)
    world_.timeline.after(dice_.between(duration{0}, how.work_time), [this] { publish(); });
  for (std::uint32_t i = 0; i < how.triggers; ++i)
    world_.timeline.after(dice_.between(duration{0}, how.work_time), [this] { trigger(); });
  later(how.kills, [this](cluster_node& which) {
    which.kill();
    boot_later(which);
  });
  later(how.freezes, [this](cluster_node& which) {
    which.freeze();
    world_.timeline.after(dice_.skewed(100ms, 6s), [&which, life = which.life()] {
      if (which.up() && which.life() == life)
        which.thaw();
    });
  });
  later(how.store_cuts, [this](cluster_node& which) {
    ++world_.judge.seen["store cut"];
    which.cut_store(true);
    world_.timeline.after(dice_.skewed(100ms, 6s), [&which] { which.cut_store(false); });
  });
  later(how.drains, [](cluster_node& which) { which.signal(); });
  later(how.reloads, [](cluster_node& which) { which.reload(false); });
  for (std::uint32_t i = 0; i < how.broadcasts; ++i)
    world_.timeline.after(dice_.between(duration{0}, how.work_time), [this] { broadcast(); });
  later(how.empties, [this](cluster_node& which) {
    set_drain(which.name(), true);
    world_.timeline.after(dice_.skewed(10ms, 8s),
                          [this, name = which.name()] { set_drain(name, false); });
  });
  later(how.cuts, [this](cluster_node& which) {
    ++world_.judge.seen["network cut"];
    const bool both = dice_.chance(0.5);
    for (const auto& other : nodes_)
      if (other.get() != &which && dice_.chance(0.6)) {
        world_.network.cut(which.name(), other->name());
        if (both)
          world_.network.cut(other->name(), which.name());
      }
    world_.timeline.after(dice_.skewed(100ms, 6s), [this] {
      world_.network.heal();
      meet_later();
    });
  });
}

/// The brokers of nodes that can reach each other say so some time later.
void cluster_simulation::meet_later() {
  world_.timeline.after(dice_.skewed(1ms, 1s), [this] {
    for (const auto& each : nodes_)
      for (const auto& other : nodes_)
        if (each != other && each->up() && other->up())
          each->api().peer_up(other->name());
  });
}

void cluster_simulation::boot_later(cluster_node& which) {
  world_.timeline.after(dice_.skewed(10ms, 4s), [this, &which] {
    if (which.up())
      return;
    which.boot();
    meet_later();
  });
}

void cluster_simulation::step() {
  std::vector<cluster_node*> busy;
  for (const auto& each : nodes_)
    if (each->has_job())
      busy.push_back(each.get());
  if (busy.empty() || (dice_.chance(world_.options.hurry) && world_.timeline.next()))
    world_.timeline.run_next();
  else
    busy[dice_.below(busy.size())]->run_job();
  for (const auto& each : nodes_)
    if (each->end_if_due())
      boot_later(*each);
}

void cluster_simulation::run_until(boot_time end) {
  world_.timeline.at(end, [] {});
  while (
      world_.timeline.now() < end ||
      std::any_of(nodes_.begin(), nodes_.end(), [](const auto& each) { return each->has_job(); }))
    step();
}

bool cluster_simulation::at_rest() const {
  if (!world_.judge.jobs_are_over())
    return false;
  const std::scoped_lock hold{world_.store->mutex};
  return std::none_of(world_.store->events.begin(), world_.store->events.end(),
                      [](const auto& each) { return !each.gone && each.pending(); });
}

void cluster_simulation::heal() {
  healed_ = true;
  world_.network.heal();
  world_.options.network = {0, 0, false, 1ms};
  world_.options.agent = {};
  world_.options.hurry = 0;
  for (const auto& each : nodes_) {
    each->cut_store(false);
    if (each->up())
      each->thaw();
  }
  for (const auto& each : nodes_)
    if (each->takes()) // what it is asked itself does not get lost
      each->api().ask("node.undrain", R"({"node":")" + each->name() + R"("})",
                      [](const api_answer&) {});
}

cluster_verdict cluster_simulation::run() {
  for (std::uint32_t i = 0; i < world_.options.nodes; ++i) {
    const duration skew = dice_.between(-world_.options.skew, world_.options.skew);
    nodes_.push_back(
        std::make_unique<cluster_node>("n" + std::to_string(i + 1), world_, dice_.fork(), skew));
    nodes_.back()->boot();
  }
  plan();
  run_until(world_.timeline.now() + world_.options.work_time + 1s);
  heal();
  run_until(world_.timeline.now() + 10s); // all that are to be up are
  for (const auto& each : nodes_)
    if (each->takes()) {
      trigger_at(*each);
      each->reload(true); // what waits for agents that a start has not
    }
  run_until(world_.timeline.now() + 35s); // what nobody answers is unknown by then
  const boot_time patience = world_.timeline.now() + rest_max;
  while (!at_rest() && world_.timeline.now() < patience)
    run_until(world_.timeline.now() + 2s);
  world_.judge.at_rest();
  world_.judge.seen["frames between nodes"] = world_.network.between_nodes;
  return {world_.judge.broken(), world_.judge.seen,
          std::to_string(world_.options.nodes) + " nodes, " +
              std::to_string(world_.options.shards) + " shards"};
}

} // namespace

cluster_verdict simulate_cluster(std::uint64_t seed, bool verbose) {
  return cluster_simulation{seed, verbose}.run();
}

} // namespace skein::test
