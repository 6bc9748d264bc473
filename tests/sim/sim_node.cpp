#include "tests/sim/sim_node.hpp"

#include "actors/jobs/job_reading.hpp"

#include <nlohmann/json.hpp>

#include "tests/sim/sim_reader.hpp"

#include <caf/actor_system.hpp>
#include <caf/scheduler/test_coordinator.hpp>

#include <algorithm>
#include <cstdio>
#include <set>
#include <utility>

namespace skein::test {

std::uint64_t digest(std::string_view bytes) {
  std::uint64_t value = 14695981039346656037ull;
  for (const char each : bytes)
    value = (value ^ static_cast<unsigned char>(each)) * 1099511628211ull;
  return value;
}

sim_node::sim_node(std::string name, sim_world& world, sim_options options, sim_random dice)
  : name_{std::move(name)}, world_{world}, options_{std::move(options)}, dice_{dice},
    journal_{name_, options_.sqlite, dice_.next() | 1, options_.kept,
             [this](const auto& batch, const auto& receipt) { record_commit(batch, receipt); }} {
  history_.settings.loops = options_.loops;
  history_.settings.dedupe_window = options_.kept.window;
  history_.settings.retention = options_.kept.retention;
}

sim_node::~sim_node() {
  if (engine_)
    end_process(false);
}

caf::scheduler::test_coordinator& sim_node::jobs() const {
  return dynamic_cast<caf::scheduler::test_coordinator&>(engine_->system().scheduler());
}

// ---- records ----------------------------------------------------------------------------------

void sim_node::note(happening what) {
  record made{clock_ ? clock_->now() : moment{no_instant, world_.timeline.now()}, std::move(what)};
  world_.mix(made.what.index());
  world_.mix(static_cast<std::uint64_t>(made.at.boot.time_since_epoch().count()));
  if (world_.verbose)
    std::printf("%s %s\n", name_.c_str(), to_string(made).c_str());
  history_.records.push_back(std::move(made));
}

void sim_node::record_accepted(const journal::accept_op& op, event_id event, instant at,
                               std::optional<delivery_id> cause, bool kept) {
  accepted made;
  made.event = event;
  made.what = {op.event.identity, op.event.content};
  made.key = op.event.head().key;
  made.agents.assign(op.deliveries.begin(), op.deliveries.end());
  made.body = digest(op.event.body.view());
  made.at = at;
  made.due = resolved(op.event.due, at);
  made.expires = resolved(op.event.expires, at);
  made.cause = cause;
  made.kept = kept;
  if (made.agents.empty())
    ++world_.seen["unrouted"];
  note(std::move(made));
}

namespace {

kept_state kept_of(const std::optional<journal::state_change>& change) {
  if (!change)
    return std::nullopt;
  return change->erase ? std::string{} : std::string{change->value.view()};
}

kept_state kept_of(const turn_report& report) {
  if (report.sets_state)
    return report.state;
  return report.deletes_state ? kept_state{std::string{}} : std::nullopt;
}

} // namespace

void sim_node::record_commit(const std::vector<journal::operation>& batch,
                             const journal::commit_receipt& receipt) {
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const journal::op_result& verdict = receipt.results[i];
    const bool applied = verdict.status == journal::op_status::applied;
    if (const auto* accept = std::get_if<journal::accept_op>(&batch[i])) {
      if (applied)
        record_accepted(*accept, verdict.event, receipt.at, std::nullopt);
    } else if (const auto* finish = std::get_if<journal::finish_op>(&batch[i])) {
      finished made{finish->delivery, finish->state, finish->code, finish->attempt};
      made.at = receipt.at;
      made.kept = kept_of(finish->state_of_key);
      made.refused = verdict.status == journal::op_status::emit_conflict;
      if (verdict.status == journal::op_status::dedupe_full)
        ++world_.seen["emit meets a full window"];
      for (std::size_t emit = 0; emit < verdict.emits.size(); ++emit) {
        made.emits.push_back(verdict.emits[emit].event);
        if (verdict.emits[emit].duplicate)
          continue;
        record_accepted(finish->emits[emit], verdict.emits[emit].event, receipt.at,
                        finish->delivery);
        if (raw(verdict.emits[emit].event.shard) % options_.loops !=
            raw(finish->delivery.event.shard) % options_.loops)
          ++world_.seen["emit to another loop"];
      }
      if (applied || made.refused)
        note(std::move(made));
    } else if (const auto* attempt = std::get_if<journal::attempt_op>(&batch[i])) {
      if (applied)
        note(attempt_failed{attempt->delivery, attempt->attempt, attempt->next_due,
                            attempt->slept(), kept_of(attempt->state_of_key)});
    } else if (const auto* start = std::get_if<journal::start_op>(&batch[i])) {
      if (applied)
        note(start_marked{start->delivery, start->alone});
    } else {
      const auto& keep = std::get<journal::keep_op>(batch[i]);
      if (applied)
        record_jobs(keep, receipt.at);
      for (std::size_t emit = 0; emit < verdict.emits.size(); ++emit)
        if (!verdict.emits[emit].duplicate)
          record_accepted(keep.emits[emit], verdict.emits[emit].event, receipt.at, std::nullopt,
                          true);
    }
  }
}

/// The records of jobs that are new with it.
void sim_node::record_jobs(const journal::keep_op& keep, instant at) {
  jobs_kept made;
  made.at = at;
  made.events = keep.emits.size();
  const auto names = journal_.engine().agent_names();
  for (const auto& each : keep.states) {
    const std::string& agent = names.at(raw(each.agent));
    if (each.state.erase)
      continue;
    if (agent != job_records_agent) {
      record_stand(agent, each.state.key, each.state.value.view(), made);
      continue;
    }
    const auto record = read_record(each.state.value.view());
    SKEIN_CHECK(record);
    ++world_.seen["job " + std::string{to_text(record->kind)}];
    made.records.emplace_back(each.state.key.substr(0, each.state.key.find('/')), *record);
  }
  if (!made.records.empty() || made.events > 0 || !made.paused.empty() || !made.idle.empty())
    note(std::move(made));
}

/// Whether a job is paused now, or has runs that wait while none goes on.
void sim_node::record_stand(const std::string& agent, const std::string& job, std::string_view text,
                            jobs_kept& made) {
  const auto words = nlohmann::json::parse(text);
  if (agent == jobs_agent)
    made.paused[job] = words.contains("paused");
  else if (agent == job_states_agent && words.contains("queue") && !words.contains("running"))
    made.idle.push_back(job);
}

void sim_node::read_jobs() {
  const auto names = journal_.engine().agent_names();
  const auto number = [&](std::string_view agent) {
    return static_cast<agent_no>(std::find(names.begin(), names.end(), agent) - names.begin());
  };
  std::set<std::string> paused;
  auto known = each_state(store_->reader(), number(jobs_agent), {}, {},
                          [&](const std::string& name, const slice& value) {
                            if (nlohmann::json::parse(value.view()).contains("paused"))
                              paused.insert(name);
                          });
  SKEIN_CHECK(known.ok());
  auto done = each_state(store_->reader(), number(job_states_agent), {}, {},
                         [&](const std::string& name, const slice& value) {
                           if (!options_.jobs.contains(name))
                             return;
                           const auto words = nlohmann::json::parse(value.view());
                           job_stands made{name,
                                           from_ns(words.at("created").get<std::int64_t>()),
                                           from_ns(words.at("through").get<std::int64_t>()),
                                           std::nullopt,
                                           {},
                                           {},
                                           paused.contains(name)};
                           if (words.contains("open"))
                             made.open = read_record(words["open"].dump());
                           const auto due_ones = [&](const char* of) {
                             std::vector<instant> found;
                             for (const auto& each : words.value(of, nlohmann::json::array()))
                               if (each.at("kind") == "fired" || each.at("kind") == "caught-up")
                                 found.push_back(from_ns(each.at("due").get<std::int64_t>()));
                             return found;
                           };
                           made.queued = due_ones("queue");
                           made.running = due_ones("running");
                           note(std::move(made));
                         });
  SKEIN_CHECK(done.ok());
}

void sim_node::read_ledgers() {
  auto events = journal_.engine().events_ledger();
  auto deliveries = journal_.engine().deliveries_ledger();
  SKEIN_CHECK(events.ok() && deliveries.ok());
  note(ledgers_read{*events, *deliveries});
}

void sim_node::read_back() {
  std::vector<event_id> events;
  for (const record& each : history_.records)
    if (const auto* made = std::get_if<accepted>(&each.what))
      events.push_back(made->event);
  for (const event_id id : events) {
    auto found = store_->reader().find(id);
    SKEIN_CHECK(found.ok());
    if (!*found)
      continue;
    found_event read{id, digest((**found).body.view())};
    for (const journal::delivery_record& each : (**found).deliveries)
      read.states.push_back(each.state);
    note(std::move(read));
  }
}

std::uint64_t sim_node::pending() {
  auto events = journal_.engine().events_ledger();
  SKEIN_CHECK(events.ok());
  return events->pending;
}

std::size_t sim_node::runs_of_jobs() const { return engine_->read_facts().jobs.running; }

// ---- the process ------------------------------------------------------------------------------

void sim_node::boot() {
  SKEIN_CHECK(!engine_);
  ++life_;
  clock_ = std::make_unique<sim_clock>(world_.timeline, wall_);
  journal_.open(clock_->now().wall);
  clock_->not_before(journal_.engine().last_commit_at());
  const auto io = journal_.engine().counters();
  if (io.dedupe_buckets > 0)
    ++world_.seen["start with identities in files"];
  if (io.dedupe_remade > 0)
    ++world_.seen["start makes a file of identities anew"];
  if (dropped_ > 0)
    ++world_.seen[options_.sqlite ? "start of SQLite after retention" : "start after retention"];
  note(booted{!journal_.engine().identity().clean});
  auto reader = journal_.engine().new_reader();
  SKEIN_CHECK(reader.ok());
  store_ = std::make_unique<sim_store>(
      journal_.engine(),
      std::make_unique<sim_reader>(std::move(reader).value(),
                                   [this] { ++world_.seen["bodies read for turns"]; }),
      world_.timeline, dice_.fork(), options_.store, options_.loops,
      sim_store::hooks{[this] { return clock_->now().wall; },
                       [this](const auto& batch, instant at) { return commit(batch, at); },
                       [this] { die_soon(); }});
  dies_ = hastened_ = is_whole_ = false;
  drained_.reset();
  engine_ = std::make_unique<engine>(make_setup());
  const auto recovered = journal_.engine().recover(
      [this](const journal::pending_event& each) { engine_->recover(each); });
  SKEIN_CHECK(recovered.ok());
  SKEIN_CHECK(engine_->load(store_->reader()).ok());
  read_ledgers();
  attach_ports();
  engine_->start();
  plan_upkeep();
}

engine_setup sim_node::make_setup() {
  engine_setup setup;
  setup.settings.node = name_;
  setup.settings.loops = options_.loops;
  setup.settings.agents = options_.agents;
  setup.settings.routes = options_.routes;
  history_.settings.window_fills = options_.kept.identities_max < limits::dedupe_identities_max;
  for (const auto& [name, each] : options_.jobs) {
    setup.settings.jobs[name] = each.definition;
    history_.settings.jobs[name] = {each.period, each.end, each.after};
  }
  setup.find_zone = [](std::string_view) -> const zone_rules* {
    static const utc_zone utc;
    return &utc;
  };
  setup.settings.drain_deadline = options_.drain_deadline;
  setup.settings.seed = dice_.next();
  setup.version = "sim";
  setup.store = journal_.engine().identity();
  history_.settings.concurrency.clear();
  history_.settings.pure.clear();
  for (const agent_settings& agent : options_.agents) {
    SKEIN_CHECK(journal_.engine().agent_number(agent.name).ok());
    history_.settings.concurrency.push_back(agent.concurrency);
    history_.settings.pure.push_back(agent.pure);
  }
  for (const std::string& each : agent_names_of(setup.settings))
    SKEIN_CHECK(journal_.engine().agent_number(each).ok());
  auto with_state = journal_.engine().agents_with_state();
  SKEIN_CHECK(with_state.ok());
  setup.agents_with_state = std::move(with_state).value();
  setup.agent_names = journal_.engine().agent_names();
  setup.last_commit = journal_.engine().last_commit();
  setup.opened_at = journal_.engine().last_commit_at();
  setup.window = options_.in_memory;
  setup.clock = clock_.get();
  setup.store_at = store_.get();
  setup.log = [this](std::string_view component, const log_effect& line) {
    if (line.id == "turn-left" || line.id == "drain-hastened")
      ++world_.seen[std::string{line.id}];
    if (world_.verbose)
      std::printf("%s log %.*s %.*s %s %s\n", name_.c_str(), static_cast<int>(component.size()),
                  component.data(), static_cast<int>(line.id.size()), line.id.data(),
                  line.event.c_str(), line.text.c_str());
  };
  setup.drained = [this](finish_effect effect) { drained_ = std::move(effect); };
  setup.testing = true;
  return setup;
}

void sim_node::attach_ports() {
  network_ = std::make_unique<sim_network>(
      name_, link_names(engine_->settings()), world_.timeline, dice_.fork(), options_.network,
      [this](const slice& bytes) {
        world_.mix(bytes.view());
        if (engine_)
          engine_->deliver(bytes);
      },
      [this](const std::string& what) { ++world_.seen[what]; });
  for (const std::string& link : link_names(engine_->settings()))
    engine_->attach_bus(link, network_->link(link));
  for (std::size_t i = 0; i < options_.agents.size(); ++i)
    if (options_.agents[i].kind == agent_kind::exec)
      attach_runner(options_.agents[i], static_cast<agent_no>(i));
}

void sim_node::attach_runner(const agent_settings& agent, agent_no number) {
  sim_runner::hooks call;
  call.started = [this, number](const turn_start& turn) {
    if (dying())
      return;
    note(turn_started{turn.turn, number, turn.token, turn.attempt, turn.sleeps,
                      turn.has_state ? std::string{turn.state.view()} : std::string{}});
    engine_->report(turn.agent, {{turn.turn}, {}, {}});
  };
  call.ended = [this, number](const turn_report& report) {
    if (!dying())
      note(turn_ended{report.turn, number, report.verdict, report.emits.size(), report.retry_after,
                      kept_of(report)});
  };
  call.report = [this, name = agent.name](turn_report report) {
    if (!dying())
      engine_->report(name, {{}, {std::move(report)}, {}});
  };
  call.process_dies = [this] {
    dies_ = true;
    ++world_.seen["poison ran"];
  };
  runners_[agent.name] =
      std::make_unique<sim_runner>(world_.timeline, dice_.fork(), options_.agent, std::move(call));
  engine_->attach_runner(agent.name, *runners_[agent.name]);
}

result<journal::commit_receipt> sim_node::commit(const std::vector<journal::operation>& batch,
                                                 instant now) {
  disk_down_ = disk_down_ || journal_.power_gone();
  if (dying() || disk_down_)
    return errc::unknown_outcome;
  if (dice_.chance(options_.store.disk_full)) {
    ++world_.seen["disk full"];
    note(commit_failed{errc::disk_full});
    return errc::disk_full;
  }
  if (dice_.chance(options_.store.in_doubt)) {
    auto receipt = journal_.commit_in_doubt(batch, now, dice_);
    if (receipt)
      return receipt;
    ++world_.seen["commit in doubt"];
    disk_down_ = true;
    note(commit_failed{receipt.error().code});
    return receipt;
  }
  auto receipt = journal_.commit(batch, now);
  SKEIN_CHECK(receipt.ok());
  if (++commits_ % 16 == 0)
    read_ledgers();
  return receipt;
}

/// Steps of the journal's upkeep, whatever else goes on; but one thread makes both, and no step
/// comes within a commit.
void sim_node::plan_upkeep() {
  if (options_.upkeep_max == duration{0})
    return;
  world_.timeline.after(dice_.between(std::chrono::milliseconds{1}, options_.upkeep_max),
                        [this, life = life_] {
                          if (!engine_ || life != life_)
                            return;
                          if (!store_->is_committing())
                            keep_up();
                          plan_upkeep();
                        });
}

void sim_node::keep_up() {
  disk_down_ = disk_down_ || journal_.power_gone();
  if (dying() || disk_down_)
    return;
  const instant now = clock_->now().wall;
  note(kept_up{now});
  if (dice_.chance(options_.store.in_doubt))
    journal_.upkeep_in_doubt(now, dice_);
  else
    journal_.upkeep(now);
  if (journal_.power_gone()) {
    ++world_.seen["power cut in upkeep"];
    disk_down_ = dies_ = true;
  }
  const std::uint64_t dropped = journal_.engine().retention().dropped_events;
  if (dropped > std::exchange(dropped_, dropped))
    ++world_.seen["events dropped by retention"];
}

/// Those who wait are told first, as far as there is time: the process has a second.
void sim_node::die_soon() {
  const duration left = dice_.skewed(std::chrono::microseconds{1}, std::chrono::seconds{1});
  world_.timeline.after(left, [this, life = life_] {
    if (engine_ && life == life_)
      dies_ = true;
  });
}

void sim_node::signal() {
  if (!engine_)
    return;
  note(drain_began{});
  engine_->signal();
}

void sim_node::crash() {
  SKEIN_CHECK(engine_);
  note(crashed{});
  if (options_.sqlite)
    ++world_.seen["power cut under SQLite"];
  end_process(false);
}

bool sim_node::end_if_due() {
  if (!engine_ || (!dies_ && !drained_))
    return false;
  if (dies_ || disk_down_) {
    crash();
    return true;
  }
  note(drain_ended{drained_->code, hastened_});
  ++world_.seen[drained_->code == 0 ? "drain in time" : "drain overrun"];
  end_process(true);
  return true;
}

/// Cut the ports, kill the actors, let them die, drop the system: in this order nothing fires
/// afterwards.
void sim_node::end_process(bool orderly) {
  network_->cut();
  for (auto& [agent, runner] : runners_)
    runner->cut();
  dies_ = !orderly;
  engine_->stop();
  jobs().run();
  if (orderly)
    store_->finish();
  engine_.reset();
  store_.reset();
  network_.reset();
  runners_.clear();
  clock_.reset();
  if (orderly && !disk_down_)
    journal_.close();
  else
    journal_.drop(true, dice_);
  disk_down_ = false;
  dies_ = false;
  drained_.reset();
}

// ---- running ----------------------------------------------------------------------------------

bool sim_node::has_job() const { return engine_ && jobs().has_job(); }

void sim_node::run_job() {
  auto& queue = jobs().jobs;
  const std::size_t chosen = dice_.below(queue.size());
  std::swap(queue.front(), queue[chosen]);
  world_.mix(chosen);
  jobs().run_once();
}

void sim_node::set_wall(duration by) {
  wall_.zero += by;
  ++world_.seen[by < duration{0} ? "clock set back" : "clock set forward"];
  if (clock_)
    clock_->wall_was_set();
}

void sim_node::heal() {
  options_.network = {0, 0, false, std::chrono::milliseconds{1}};
  options_.store = {};
  options_.agent = {};
  options_.agent.emit = 0;
}

} // namespace skein::test
