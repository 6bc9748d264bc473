// lookups: what a node says of itself: status, loops, agents. All of it is read from boards and
// from the last facts of the store, so that it is answered whatever the store and the loops do.
#include "actors/cluster/keeper_desk.hpp"
#include "actors/lookups.hpp"
#include "actors/turn_slots.hpp"
#include "journal/ledgers.hpp"
#include "protocol/raw_json.hpp"

#include <algorithm>
#include <set>

namespace skein {

namespace {

using nlohmann::json;

json view_ledger(const journal::ledger& of) {
  json view = json::object();
  for (const auto& [name, value] : journal::counts_of(of))
    view[std::string{name}] = value;
  return view;
}

std::string_view kind_name(agent_kind kind) {
  switch (kind) {
    case agent_kind::echo:
      return "echo";
    case agent_kind::exec:
      return "exec";
    case agent_kind::noop:
      return "noop";
  }
  return "unknown";
}

std::string_view state_name(agent_kind kind, runner_state state) {
  if (kind != agent_kind::exec)
    return "up"; // it runs inside of the node
  switch (state) {
    case runner_state::idle:
      return "idle";
    case runner_state::up:
      return "up";
    case runner_state::failing:
      return "failing";
  }
  return "unknown";
}

/// None of its programs runs, nor can one be started.
bool is_idle(const runner_health& health) {
  return health.state == runner_state::failing && health.programs == 0;
}

json retention_view(const journal::engine::retention_facts& facts) {
  const auto time = [](instant at) { return at == no_instant ? json{} : json(format_rfc3339(at)); };
  return {{"oldest", time(facts.oldest)},           {"next", time(facts.next)},
          {"dropped_events", facts.dropped_events}, {"bytes_used", facts.bytes_used},
          {"bytes_free", facts.bytes_free},         {"bytes_max", facts.bytes_max}};
}

double seconds(duration value) { return std::chrono::duration<double>(value).count(); }

void put_settings(json& row, const agent_settings& agent, const agent_facts& facts) {
  row.update({{"kind", kind_name(agent.kind)},
              {"state", state_name(agent.kind, facts.health.state)},
              {"slots", turn_slots(agent)},
              {"pure", agent.pure},
              {"concurrency", agent.concurrency},
              {"timeout", format_duration(agent.timeout)},
              {"attempts", agent.retry.attempts},
              {"turns", facts.counted.turns},
              {"done", facts.counted.done},
              {"failed", facts.counted.failed},
              {"rejected", facts.counted.rejected},
              {"timeouts", facts.counted.timeouts},
              {"slept", facts.counted.slept}});
  if (agent.kind != agent_kind::exec)
    return;
  row["command"] = agent.exec.command;
  row["programs"] = facts.health.programs;
  row["restarts"] = facts.health.restarts;
  if (!facts.health.error.empty()) {
    row["error"] = facts.health.error;
    row["error_at"] = format_rfc3339(facts.health.error_at);
  }
}

} // namespace

json lookups::loops_view() const {
  json rows = json::array();
  const boot_time now = sources_.clock->now().boot;
  for (std::size_t i = 0; i < sources_.loops.size(); ++i) {
    const loop_facts facts = sources_.loops[i]->read();
    std::uint32_t shards = sources_.shards / sources_.loops_count;
    shards += i < sources_.shards % sources_.loops_count ? 1u : 0u;
    rows.push_back({{"loop", i},
                    {"node", sources_.node},
                    {"shards", shards},
                    {"pending", facts.pending},
                    {"running", facts.running},
                    {"lanes", facts.lanes},
                    {"accepted", facts.counted.accepted},
                    {"unrouted", facts.counted.unrouted},
                    {"turns", facts.counted.turns},
                    {"done", facts.counted.done},
                    {"failed", facts.counted.failed},
                    {"dead", facts.counted.dead},
                    {"cpu_s", seconds(facts.cpu)},
                    {"idle_s", seconds(std::max(now - facts.last_step, duration{0}))}});
  }
  return rows;
}

/// The configured agents, and those that only the store still knows as long as something waits for
/// them.
json lookups::agents_view() const {
  const auto now = sources_.roster->read();
  std::vector<std::size_t> waiting(now->names.size());
  for (const auto& loop : sources_.loops) {
    const loop_facts facts = loop->read();
    for (std::size_t i = 0; i < std::min(waiting.size(), facts.waiting.size()); ++i)
      waiting[i] += facts.waiting[i];
  }
  json rows = json::array();
  for (const auto& [agent, board] : now->agents) {
    if (agent.name.starts_with('!'))
      continue; // of the node itself
    const auto number = agent_named(agent.name);
    json row{{"name", agent.name}, {"configured", true}};
    const agent_facts facts = board->read();
    // Turns that no program can run now wait with it.
    const std::size_t running = is_idle(facts.health) ? 0 : facts.running;
    row["running"] = running;
    row["waiting"] = (number && raw(*number) < waiting.size() ? waiting[raw(*number)] : 0) +
                     facts.running - running;
    put_settings(row, agent, facts);
    rows.push_back(std::move(row));
  }
  for (std::size_t i = 0; i < now->names.size(); ++i) {
    const std::string& name = now->names[i];
    if (waiting[i] > 0 && std::none_of(now->agents.begin(), now->agents.end(),
                                       [&](const auto& each) { return each.agent.name == name; }))
      rows.push_back({{"name", name},
                      {"configured", false},
                      {"state", "not-configured"},
                      {"error", obstacle_of(name)},
                      {"waiting", waiting[i]}});
  }
  return rows;
}

std::string lookups::obstacle_of(const std::string& agent) const {
  const auto now = sources_.roster->read();
  for (const auto& [configured, board] : now->agents) {
    if (configured.name != agent)
      continue;
    const runner_health health = board->read().health;
    return health.state == runner_state::failing ? health.error : std::string{};
  }
  return "agent " + agent + " is not configured; its deliveries wait until it is again";
}

std::function<bool(const std::string&)> lookups::idle_agents() const {
  std::set<std::string> idle;
  const auto now = sources_.roster->read();
  for (const auto& [agent, board] : now->agents)
    if (is_idle(board->read().health))
      idle.insert(agent.name);
  return [idle = std::move(idle)](const std::string& agent) { return idle.contains(agent); };
}

/// Of those whose turn it could be: what is not due yet waits for that.
void lookups::add_obstacles(json& view) const {
  const json lanes = view.value("lane", json::array());
  for (json& row : view["deliveries"]) {
    const auto is_first = [&](const json& each) {
      return each["agent"] == row["agent"] && each["position"] == 0;
    };
    if (std::none_of(lanes.begin(), lanes.end(), is_first))
      continue;
    if (std::string why = obstacle_of(row["agent"].get<std::string>()); !why.empty())
      row["waits_for"] = std::move(why);
  }
}

// ---- the store's facts -------------------------------------------------------------------------

namespace {

/// One question to the store: told once, by the store or by the clock.
struct fact_question {
  std::mutex mutex;
  std::function<void(const known_facts&)> done; // guarded by mutex; empty once told

  void tell(const known_facts& known) {
    std::function<void(const known_facts&)> then;
    {
      const std::lock_guard lock{mutex};
      then.swap(done);
    }
    if (then)
      then(known);
  }
};

} // namespace

void lookups::store_now(std::function<void(const known_facts&)> done) {
  auto question = std::make_shared<fact_question>();
  question->done = std::move(done);
  const auto last_known = [](lookups& self) {
    const std::lock_guard lock{self.known_mutex_};
    known_facts known = self.known_;
    known.stale = true;
    return known;
  };
  const boot_time late = sources_.clock->now().boot + limits::status_facts_within;
  sources_.clock->wake_at(late, [weak = weak_from_this(), question, last_known] {
    if (const auto self = weak.lock())
      question->tell(last_known(*self));
  });
  sources_.store->facts([weak = weak_from_this(), question, last_known](result<store_facts> facts) {
    const auto self = weak.lock();
    if (!self)
      return;
    if (!facts)
      return question->tell(last_known(*self));
    const known_facts known{*facts, self->sources_.clock->now().boot, false};
    {
      const std::lock_guard lock{self->known_mutex_};
      self->known_ = known;
    }
    question->tell(known);
  });
}

// ---- status ------------------------------------------------------------------------------------

/// Events accepted and deliveries done, a second.
json lookups::rates_view() const {
  const boot_time now = sources_.clock->now().boot;
  json accepted = json::object();
  json done = json::object();
  for (const int window : {1, 10, 60}) {
    double taken = 0;
    double ended = 0;
    for (const auto& each : sources_.loops) {
      const loop_facts facts = each->read();
      taken += facts.accepted.over(window, now);
      ended += facts.done.over(window, now);
    }
    const std::string name = std::to_string(window) + "s";
    accepted[name] = taken;
    done[name] = ended;
  }
  return {{"accepted", std::move(accepted)}, {"done", std::move(done)}};
}

/// How long what could start now waits already, and how long the store has owed an answer.
json lookups::lag_view() const {
  const moment now = sources_.clock->now();
  duration ready{0};
  duration commit{0};
  for (const auto& each : sources_.loops) {
    const loop_facts facts = each->read();
    if (facts.oldest_ready != no_instant)
      ready = std::max(ready, now.wall - facts.oldest_ready);
    if (facts.oldest_submit)
      commit = std::max(commit, now.boot - *facts.oldest_submit);
  }
  return {{"oldest_ready_s", seconds(ready)}, {"commit_s", seconds(commit)}};
}

/// Who is there, and how many shards each has, as far as this node knows.
json lookups::jobs_view() const {
  const job_facts jobs = sources_.jobs->read();
  return {{"count", jobs.jobs},
          {"paused", jobs.paused},
          {"running", jobs.running},
          {"fired", jobs.counted.fired},
          {"caught_up", jobs.counted.caught_up},
          {"merged", jobs.counted.merged},
          {"skipped", jobs.counted.skipped},
          {"next", jobs.next == no_instant ? json(nullptr) : json(format_rfc3339(jobs.next))}};
}

json lookups::status_view(const known_facts& known) const {
  const gateway_facts gateway = sources_.gateway->read();
  const moment now = sources_.clock->now();
  const errc readiness = sources_.readiness();
  json body{{"version", sources_.version},
            {"node", sources_.node},
            {"ready", readiness == errc::none},
            {"uptime_s", seconds(now.boot - sources_.started.boot)},
            {"started", format_rfc3339(sources_.started.wall)},
            {"stale", known.stale},
            {"ledger", view_ledger(known.facts->events)},
            {"deliveries", view_ledger(known.facts->deliveries)},
            {"rates", rates_view()},
            {"lag", lag_view()},
            {"loops", loops_view()},
            {"agents", agents_view()}};
  body["config"] = config_view();
  if (sources_.leases)
    body["cluster"] = cluster_view();
  if (!sources_.leases || keeper_of(sources_.leases->read().owners) == sources_.node)
    body["jobs"] = jobs_view();
  if (readiness != errc::none)
    body["not_ready_because"] = slug(readiness);
  if (known.stale)
    body["stale_s"] = seconds(now.boot - known.at);
  body["gateway"] = {{"in_flight", gateway.events_in_flight},
                     {"bytes_in_flight", gateway.bytes_in_flight},
                     {"offered", gateway.counted.offered},
                     {"refused", gateway.counted.refused},
                     {"duplicates", gateway.counted.duplicates}};
  body["store"] = {{"id", sources_.store_id},
                   {"shards", sources_.shards},
                   {"commit", raw(known.facts->last_commit)},
                   {"commits", known.facts->io.commits},
                   {"syncs", known.facts->io.syncs},
                   {"bytes_written", known.facts->io.bytes_written},
                   {"dedupe_entries", known.facts->io.dedupe_entries},
                   {"unreadable", known.facts->writer.unreadable}};
  body["retention"] = retention_view(known.facts->retention);
  if (const auto& disk = known.facts->disk)
    body["disk"] = {{"total", disk->total},       {"free", disk->free},
                    {"free_min", disk->mark},     {"low", disk->low},
                    {"reopens_at", disk->reopen}, {"ballast", disk->ballast}};
  return body;
}

void lookups::status(reply done) {
  store_now([self = shared_from_this(), done = std::move(done)](const known_facts& known) {
    if (known.facts)
      done({errc::none, write_json(self->status_view(known))});
    else
      done({errc::timed_out, "the store has not answered yet"});
  });
}

} // namespace skein
