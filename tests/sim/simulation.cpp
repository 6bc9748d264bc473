#include "tests/sim/simulation.hpp"

#include "tests/sim/rare_things.hpp"
#include "tests/sim/sim_client.hpp"
#include "tests/sim/sim_node.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <optional>

namespace skein::test {

namespace {

using namespace std::chrono_literals;

constexpr duration rest_max = 20min; // of virtual time, to come to rest
constexpr std::size_t evidence_records = 40;

class simulation {
 public:
  simulation(std::uint64_t seed, bool verbose) : dice_{seed}, options_{draw_options(dice_)} {
    world_.verbose = verbose;
  }

  sim_verdict run();

 private:
  struct member {
    std::unique_ptr<sim_node> node;
    std::unique_ptr<sim_client> client;
    std::optional<std::uint64_t> crash_in; // steps
    bool healed = false;
  };
  void add_node(std::uint32_t number);
  void plan_faults(member& of);
  void plan_commands(member& of);
  void boot_later(member& of);
  void step();
  void run_until(boot_time end);
  bool at_rest();
  void judge(member& of, sim_verdict& verdict);

  sim_random dice_;
  sim_options options_;
  sim_world world_;
  std::vector<std::unique_ptr<member>> members_;
  std::uint64_t steps_ = 0;
};

void simulation::add_node(std::uint32_t number) {
  auto made = std::make_unique<member>();
  made->node =
      std::make_unique<sim_node>("n" + std::to_string(number + 1), world_, options_, dice_.fork());
  made->client = std::make_unique<sim_client>(*made->node, dice_.fork());
  made->node->boot();
  made->client->plan();
  plan_faults(*made);
  members_.push_back(std::move(made));
}

void simulation::plan_faults(member& of) {
  for (std::uint32_t i = 0; i < options_.crashes; ++i)
    world_.timeline.after(dice_.between(10ms, options_.work_time),
                          [this, &of] { of.crash_in = dice_.below(40); });
  for (std::uint32_t i = 0; i < options_.drains; ++i)
    world_.timeline.after(dice_.between(10ms, options_.work_time), [this, &of] {
      of.node->signal();
      if (dice_.chance(0.2))
        world_.timeline.after(dice_.between(1ms, 3s), [&of] {
          if (of.node->up())
            of.node->api().signal();
        });
    });
  plan_commands(of);
  for (std::uint32_t i = 0; i < options_.reloads; ++i)
    world_.timeline.after(dice_.between(10ms, options_.work_time),
                          [this, &of] { of.node->reload(dice_); });
  for (std::uint32_t i = 0; i < options_.clock_jumps; ++i)
    world_.timeline.after(dice_.between(10ms, options_.work_time), [this, &of] {
      const duration by = dice_.between(1ms, dice_.chance(0.5) ? duration{5s} : duration{2min});
      of.node->set_wall(dice_.chance(0.5) ? by : -by);
    });
}

/// People who pause jobs, and go on with them, and want runs of their own.
void simulation::plan_commands(member& of) {
  static constexpr std::array commands{"job.pause", "job.resume", "job.resume", "job.trigger"};
  for (std::size_t i = 0; i < options_.jobs.size() * 2; ++i)
    world_.timeline.after(dice_.between(10ms, options_.work_time), [this, &of] {
      if (!of.node->up())
        return;
      const auto job = std::next(options_.jobs.begin(),
                                 static_cast<std::ptrdiff_t>(dice_.below(options_.jobs.size())));
      const std::string command = commands[dice_.below(commands.size())];
      of.node->api().ask(command, R"({"by":"sim","job":")" + job->first + R"("})",
                         [this, command](const api_answer& told) {
                           ++world_.seen[command + (told.code == errc::none ? "" : " is refused")];
                         });
    });
}

void simulation::boot_later(member& of) {
  of.client->forget();
  of.crash_in.reset();
  world_.timeline.after(dice_.skewed(1ms, 3s), [&of] {
    if (!of.node->up())
      of.node->boot();
  });
}

void simulation::step() {
  ++steps_;
  std::vector<member*> busy;
  for (const auto& each : members_)
    if (each->node->has_job())
      busy.push_back(each.get());
  if (busy.empty() || (dice_.chance(options_.hurry) && world_.timeline.next()))
    world_.timeline.run_next();
  else
    busy[dice_.below(busy.size())]->node->run_job();
  for (const auto& each : members_) {
    if (each->node->up() && each->crash_in && (*each->crash_in)-- == 0) {
      each->node->crash();
      boot_later(*each);
    } else if (each->node->end_if_due()) {
      boot_later(*each);
    }
  }
}

void simulation::run_until(boot_time end) {
  // A sentinel, for a world in which nothing else is going to happen.
  world_.timeline.at(end, [] {});
  while (world_.timeline.now() < end ||
         std::any_of(members_.begin(), members_.end(),
                     [](const auto& each) { return each->node->has_job(); }))
    step();
}

bool simulation::at_rest() {
  return std::all_of(members_.begin(), members_.end(), [](const auto& each) {
    return each->node->up() && !each->node->has_job() && !each->client->waiting() &&
           each->node->pending() == 0 && each->node->runs_of_jobs() == 0 &&
           each->node->store_is_idle();
  });
}

sim_verdict simulation::run() {
  for (std::uint32_t i = 0; i < options_.nodes; ++i)
    add_node(i);
  run_until(world_.timeline.now() + options_.work_time + 1s);
  for (const auto& each : members_) {
    each->crash_in.reset();
    each->node->heal();
  }
  options_.hurry = 0;
  const boot_time patience = world_.timeline.now() + rest_max;
  // Twice in a row: an instant of a job may come in between. What was learnt last is durable by
  // then.
  for (int rests = 0; rests < 2 && world_.timeline.now() < patience;) {
    for (const auto& each : members_)
      each->node->reload_whole(); // what waits for agents that were taken out
    run_until(world_.timeline.now() + 2s);
    rests = at_rest() ? rests + 1 : 0;
  }
  while (!std::all_of(members_.begin(), members_.end(),
                      [](const auto& each) { return each->node->up(); }))
    step();
  sim_verdict verdict;
  verdict.options = to_string(options_);
  for (const auto& each : members_)
    judge(*each, verdict);
  verdict.trace = world_.trace;
  verdict.steps = steps_;
  verdict.seen = std::move(world_.seen);
  return verdict;
}

void simulation::judge(member& of, sim_verdict& verdict) {
  of.node->note(settled{});
  of.node->read_ledgers();
  of.node->read_jobs();
  of.node->read_back();
  const history& happened = of.node->happened();
  note_rare_things(happened, world_.seen);
  const auto found = check(happened);
  if (!found.empty() && verdict.evidence.empty()) {
    const std::size_t last = std::min(found.front().at, happened.records.size() - 1);
    for (std::size_t i = last - std::min(last, evidence_records); i <= last; ++i)
      verdict.evidence += of.node->name() + " " + to_string(happened.records[i]) + "\n";
  }
  verdict.violations.insert(verdict.violations.end(), found.begin(), found.end());
}

} // namespace

sim_verdict simulate(std::uint64_t seed, bool verbose) { return simulation{seed, verbose}.run(); }

} // namespace skein::test
