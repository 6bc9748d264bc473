#include "tests/sim/sim_options.hpp"

#include "tests/support/sim_clock.hpp"

#include <nlohmann/json.hpp>

#include <array>

namespace skein::test {

namespace {

using namespace std::chrono_literals;

void draw_agents(sim_options& options, sim_random& dice) {
  const auto add = [&](const char* name, agent_kind kind, bool pure) {
    agent_settings agent;
    agent.name = name;
    agent.kind = kind;
    agent.pure = pure;
    agent.concurrency = static_cast<std::uint32_t>(1 + dice.below(4));
    agent.timeout = dice.between(1s, 8s);
    agent.retry.attempts = static_cast<std::uint32_t>(2 + dice.below(5));
    agent.retry.initial = dice.between(50ms, 1s);
    agent.retry.max = dice.between(1s, 6s);
    agent.retry.jitter = dice.chance(0.5);
    options.agents.push_back(std::move(agent));
  };
  add("one", agent_kind::exec, false);
  add("two", agent_kind::exec, false);
  add("echo", agent_kind::echo, true);
  add("pure", agent_kind::exec, true);
  options.routes = {{"work.*", "", "", "one"},   {"*.both", "", "", "one"},
                    {"*.both", "", "", "two"},   {"leaf.*", "", "", "two"},
                    {"poison.*", "", "", "two"}, {"echo.*", "", "", "echo"},
                    {"pure.*", "", "", "pure"}};
}

/// They end with the work, so that there is an end to what is pending.
void draw_jobs(sim_options& options, sim_random& dice) {
  constexpr std::array misfires{"skip", "once", "all"};
  constexpr std::array overlaps{"skip", "queue", "cancel", "allow"};
  constexpr std::array agents{"one", "two", "echo"};
  const instant end =
      sim_wall{}.zero + 1h + std::chrono::floor<std::chrono::seconds>(options.work_time);
  for (std::uint64_t i = 0; i < dice.below(4); ++i) {
    sim_options::job made;
    made.period = std::chrono::seconds{1 + dice.below(5)};
    made.end = start_of_second(end);
    const nlohmann::json words{{"every", format_duration(made.period)},
                               {"end", format_rfc3339(made.end)},
                               {"agent", agents[dice.below(agents.size())]},
                               {"misfire", misfires[dice.below(misfires.size())]},
                               {"overlap", overlaps[dice.below(overlaps.size())]},
                               {"pause_after", dice.chance(0.3) ? 1 : 0},
                               {"timeout", dice.chance(0.5) ? "1s" : "1h"},
                               {"breaker", dice.chance(0.5) ? "on" : "off"}};
    made.definition = words.dump();
    options.jobs["job" + std::to_string(i)] = std::move(made);
  }
  if (options.jobs.empty() || dice.chance(0.5))
    return;
  // Two that come after the first one, and one that comes after both, for each of its instants.
  const auto put = [&](const char* name, const nlohmann::json& words,
                       std::vector<std::string> after) {
    nlohmann::json all = words;
    all["agent"] = agents[dice.below(agents.size())];
    all["overlap"] = overlaps[dice.below(overlaps.size())];
    all["timeout"] = dice.chance(0.5) ? "1s" : "1h";
    options.jobs[name] = {all.dump(), {}, {}, std::move(after)};
  };
  put("then0", {{"after", {dice.chance(0.5) ? "job0" : "job0:any"}}}, {"job0"});
  put("then1", {{"after", {dice.chance(0.5) ? "job0:failure" : "job0:any"}}}, {"job0"});
  put("then2", {{"after", {"then0:any", dice.chance(0.5) ? "then1" : "then1:any"}}},
      {"then0", "then1"});
}

/// A store is kept up now and then; of some, what is over goes before the run is.
void draw_upkeep(sim_options& options, sim_random& dice) {
  if (!dice.chance(0.8))
    return;
  options.upkeep_max = dice.chance(0.5) ? dice.between(5ms, 200ms) : dice.between(200ms, 2s);
  if (!dice.chance(options.sqlite ? 0.7 : 0.3))
    return;
  kept_options& kept = options.kept;
  kept.window = std::min(kept.window, dice.between(1s, 10s));
  kept.retention = kept.window + dice.between(0s, 5s);
  kept.range_events = std::uint64_t{8} << dice.below(4);
}

} // namespace

sim_options draw_options(sim_random& dice) {
  sim_options drawn;
  const auto maybe = [&dice](double part, double most) {
    return dice.chance(part) ? most * static_cast<double>(1 + dice.below(100)) / 100.0 : 0.0;
  };
  const auto count = [&dice](double part, std::uint64_t most) {
    return dice.chance(part) ? static_cast<std::uint32_t>(1 + dice.below(most)) : 0u;
  };
  drawn.nodes = dice.chance(0.15) ? static_cast<std::uint32_t>(2 + dice.below(2)) : 1;
  drawn.sqlite = dice.chance(0.15);
  drawn.loops = static_cast<std::uint32_t>(1 + dice.below(3));
  drawn.keys = static_cast<std::uint32_t>(1 + dice.below(8));
  drawn.requests = static_cast<std::uint32_t>(10 + dice.below(50));
  drawn.work_time = dice.between(5s, 40s);
  drawn.hurry = maybe(0.5, 0.3);
  drawn.repeat = maybe(0.7, 0.4);
  drawn.conflict = maybe(0.5, 0.3);
  drawn.due = maybe(0.6, 0.5);
  drawn.expires = maybe(0.4, 0.3);
  drawn.poison = maybe(0.1, 0.05);
  drawn.cancel = maybe(0.6, 0.4);
  drawn.crashes = count(0.6, 6);
  drawn.drains = count(0.3, 3);
  drawn.clock_jumps = count(0.3, 4);
  drawn.drain_deadline =
      dice.chance(0.3) ? dice.between(7s, 12s) : duration{limits::drain_deadline};
  draw_agents(drawn, dice);
  drawn.network = {maybe(0.5, 0.3), maybe(0.5, 0.5), dice.chance(0.5),
                   dice.chance(0.2) ? duration{3s} : dice.between(100us, 50ms)};
  drawn.store.sync_max = dice.chance(0.2) ? dice.between(100ms, 2s) : dice.between(500us, 5ms);
  if (dice.chance(0.2))
    drawn.store.read_max = dice.between(100ms, 2s);
  drawn.store.disk_full = maybe(0.15, 0.2);
  drawn.store.in_doubt = maybe(0.15, 0.03);
  drawn.agent = {
      maybe(0.6, 0.5), maybe(0.3, 0.1),
      maybe(0.3, 0.1), maybe(0.6, 0.6),
      maybe(0.3, 0.4), dice.chance(0.3) ? dice.between(500ms, 6s) : dice.between(1ms, 100ms)};
  drawn.network.refuse = maybe(0.2, 0.1);
  if (dice.chance(0.3))
    drawn.store.answer_max = dice.between(5ms, 500ms);
  if (dice.chance(0.1))
    drawn.kept = {.window = dice.between(5s, 30s),
                  .identities_max = static_cast<std::size_t>(20 + dice.below(100))};
  if (dice.chance(0.6)) {
    drawn.in_memory.deliveries = 1 + dice.below(20);
    drawn.in_memory.of_agent = 1 + dice.below(8);
    drawn.in_memory.of_lane = 2 + dice.below(4);
    drawn.in_memory.ahead = dice.between(0ms, 3s);
  }
  draw_upkeep(drawn, dice);
  if (dice.chance(0.5))
    draw_jobs(drawn, dice);
  drawn.agent.rest = maybe(0.5, 0.5);
  drawn.reloads = count(0.4, 6);
  return drawn;
}

std::string to_string(const sim_options& of) {
  std::string text;
  const auto add = [&text](const char* name, auto value) {
    text += std::string{text.empty() ? "" : " "} + name + "=" + std::to_string(value);
  };
  const auto add_ms = [&](const char* name, duration value) {
    add(name, std::chrono::duration_cast<std::chrono::milliseconds>(value).count());
  };
  add("nodes", of.nodes), add("sqlite", static_cast<int>(of.sqlite)), add("loops", of.loops),
      add("keys", of.keys);
  add("jobs", of.jobs.size());
  add("requests", of.requests), add_ms("work_ms", of.work_time), add("hurry", of.hurry),
      add("repeat", of.repeat);
  add("conflict", of.conflict), add("due", of.due), add("expires", of.expires),
      add("poison", of.poison);
  add("cancel", of.cancel), add("crashes", of.crashes), add("drains", of.drains),
      add("jumps", of.clock_jumps), add("reloads", of.reloads);
  add("drop", of.network.drop), add("duplicate", of.network.duplicate),
      add("reorder", static_cast<int>(of.network.reorder));
  add_ms("delay_ms", of.network.delay_max), add_ms("sync_ms", of.store.sync_max),
      add_ms("read_ms", of.store.read_max), add("disk_full", of.store.disk_full);
  add("refuse", of.network.refuse), add("identities", of.kept.identities_max);
  add_ms("window_ms", of.kept.window), add_ms("retention_ms", of.kept.retention),
      add("range", of.kept.range_events), add_ms("upkeep_ms", of.upkeep_max);
  add_ms("answer_ms", of.store.answer_max);
  add("in_doubt", of.store.in_doubt), add("fail", of.agent.fail), add("reject", of.agent.reject),
      add("hang", of.agent.hang), add("sleep", of.agent.rest);
  add("emit", of.agent.emit), add("clash", of.agent.clash), add_ms("turn_ms", of.agent.turn_max);
  add("in_memory", of.in_memory.deliveries), add("of_agent", of.in_memory.of_agent),
      add("of_lane", of.in_memory.of_lane), add_ms("ahead_ms", of.in_memory.ahead);
  for (const agent_settings& each : of.agents)
    text += " " + each.name + "=" + std::to_string(each.concurrency) + "/" +
            format_duration(each.timeout);
  return text;
}

} // namespace skein::test
