// engine: its actors, each with the ports that it needs.
#include "actors/engine_impl.hpp"
#include "actors/jobs/job_reading.hpp"
#include "actors/reply_event.hpp"

namespace skein {

namespace {

/// Of a loop, to a cancel of a job's run.
constexpr std::chrono::seconds cancel_within{10};

} // namespace

/// Their deliveries wait, and nobody would know why.
void engine::impl::warn_of_unconfigured() const {
  for (std::size_t number = 0; number < recovered.size(); ++number) {
    const std::string& name = setup.agent_names[number];
    if (recovered[number] == 0 || configured(name) != nullptr)
      continue;
    log_effect line;
    line.severity = log_severity::warning;
    line.id = "agent-not-configured";
    line.text = std::to_string(recovered[number]) + " deliveries wait for agent " + name +
                ", which is not configured; add [agent." + name + "] again to run them";
    line.agent = name;
    if (setup.log)
      setup.log("agents", line);
  }
}

void engine::impl::spawn_all() {
  auto drain = std::make_shared<shutdown_parts>();
  drain->core = std::make_unique<shutdown_core>(
      shutdown_settings{setup.settings.loops, is_shared(), setup.settings.drain_deadline});
  drain->clock = setup.clock;
  drain->finished = setup.drained;
  drain->log = setup.log;
  // The parts of the drain are completed before its actor gets a first message.
  shutdown = system.spawn(shutdown_actor, drain);
  auto front = std::make_shared<gateway_parts>();
  gateway_settings door;
  door.node = setup.settings.node;
  door.boot = setup.settings.boot;
  door.loops = setup.settings.loops;
  door.shared = is_shared();
  front->core = std::make_unique<gateway_core>(door);
  front->clock = setup.clock;
  front->bus = bus("gateway");
  front->shutdown = shutdown;
  front->log = setup.log;
  front->facts = gateway_board;
  gateway = system.spawn(gateway_actor, front);
  if (is_shared())
    make_outbox();
  make_broadcasts();
  spawn_loops();
  spawn_agents();
  if (is_shared()) {
    spawn_keepers();
  } else {
    jobs = system.spawn(jobs_actor, jobs_parts_of(std::exchange(jobs_core, {})));
    keeper = system.spawn(access_actor, access_parts_of(std::exchange(access, {})));
  }
  drain->jobs = caf::actor_cast<caf::weak_actor_ptr>(jobs);
  drain->access = caf::actor_cast<caf::weak_actor_ptr>(keeper);
  drain->gateway = caf::actor_cast<caf::weak_actor_ptr>(gateway);
  for (const auto& each : schedulers)
    drain->schedulers.push_back(caf::actor_cast<caf::weak_actor_ptr>(each));
  for (const auto& [name, each] : agents)
    drain->agents.push_back(caf::actor_cast<caf::weak_actor_ptr>(each));
  if (is_shared())
    spawn_membership(*drain); // last: the first shard comes when all that works for it is there
}

void engine::impl::spawn_membership(shutdown_parts& drain) {
  auto parts = std::make_shared<membership_parts>();
  parts->settings.self = setup.member;
  parts->boot = setup.settings.boot;
  parts->settings.shards = setup.store.hash.shards;
  parts->core = std::make_unique<lease_core>(parts->settings);
  parts->clock = setup.clock;
  parts->store = setup.store_at;
  parts->leases = setup.leases;
  parts->bus = bus("gateway");
  for (const auto& each : schedulers)
    parts->schedulers.push_back(caf::actor_cast<caf::weak_actor_ptr>(each));
  for (const auto& [name, each] : agents)
    parts->agents.push_back(caf::actor_cast<caf::weak_actor_ptr>(each));
  parts->gateway = caf::actor_cast<caf::weak_actor_ptr>(gateway);
  parts->keepers = caf::actor_cast<caf::weak_actor_ptr>(keepers);
  parts->give_way = [drained = setup.drained] {
    drained(finish_effect{exit_name_taken, {}, 0, {}});
  };
  parts->shutdown = caf::actor_cast<caf::weak_actor_ptr>(shutdown);
  parts->log = setup.log;
  parts->facts = lease_board;
  membership = system.spawn(membership_actor, parts);
  const auto keeper_of_leases = caf::actor_cast<caf::weak_actor_ptr>(membership);
  desk_parts->membership = keeper_of_leases;
  drain.membership = keeper_of_leases;
  for (const auto& each : loop_parts)
    each->membership = keeper_of_leases;
  caf::anon_send(membership, make_parcel(lease_input{tick_in{}})); // the first beat
}

void engine::impl::spawn_loops() {
  for (std::uint32_t i = 0; i < setup.settings.loops; ++i) {
    auto again = std::make_shared<retry_parts>();
    again->core = std::make_unique<retry_core>(policies(), setup.settings.seed);
    again->clock = setup.clock;
    retries.push_back(system.spawn(retry_actor, again));
    auto parts = std::make_shared<scheduler_parts>();
    parts->core = std::move(cores[i]);
    parts->loop = static_cast<loop_no>(i);
    parts->clock = setup.clock;
    parts->store = setup.store_at;
    parts->bus = bus("loop/" + std::to_string(i));
    parts->retry = retries.back();
    parts->shutdown = shutdown;
    parts->log = setup.log;
    parts->facts = loop_boards[i];
    loop_parts.push_back(parts);
    schedulers.push_back(system.spawn(scheduler_actor, parts));
    // Emits come from turns, and no agent exists yet: every loop is attached before the first.
    const auto to = caf::actor_cast<caf::weak_actor_ptr>(schedulers.back());
    setup.store_at->attach(
        static_cast<loop_no>(i),
        {[to](foreign_events of) { send_input(to, scheduler_input{foreign_in{std::move(of)}}); },
         [to](adopted_shards of) { send_input(to, scheduler_input{std::move(of)}); }});
  }
}

void engine::impl::make_outbox() {
  outbox_runner::ports with;
  with.hash = setup.store.hash;
  with.bounds = setup.settings.events;
  with.now = [clock = setup.clock] { return clock->now().wall; };
  with.publish = [to = gateway](std::vector<offered_event> events, auto done) {
    caf::anon_send(
        to, make_parcel(gateway_call{publish_in{0, std::move(events)},
                                     [done](const publish_reply& reply) { done(reply.members); }}));
  };
  with.report = [this](runner_news news) {
    const std::shared_lock lock{wiring};
    tell(std::string{outbox_agent}, std::move(news));
  };
  outbox = std::make_unique<outbox_runner>(std::move(with));
  runners[std::string{outbox_agent}] = outbox.get();
}

void engine::impl::make_broadcasts() {
  broadcasts = std::make_unique<broadcast_runner>(
      broadcast_runner::ports{[this] { return members(); },
                              [this](runner_news news) {
                                const std::shared_lock lock{wiring};
                                tell(std::string{broadcast_agent}, std::move(news));
                              }});
  runners[std::string{broadcast_agent}] = broadcasts.get();
}

/// All nodes that take part, as far as is known; none: nobody knows yet.
std::vector<broadcast_member> engine::impl::members() const {
  const std::string& self = setup.settings.node;
  std::vector<std::string> nodes = setup.peers;
  if (is_shared())
    for (const lease_member& each : lease_board->read().members)
      nodes.push_back(each.node);
  else
    nodes.push_back(self);
  const config_facts known = config_known->read();
  std::vector<broadcast_member> all;
  for (const std::string& each : nodes) {
    const auto told = known.nodes.find(each);
    const std::uint32_t loops = told == known.nodes.end() ? 0 : told->second.loops;
    all.push_back({each, each == self ? setup.settings.loops : loops});
  }
  return all;
}

/// By agent number.
std::vector<retry_settings> engine::impl::policies() {
  for (const agent_settings& each : setup.settings.agents)
    retries_of[each.name] = each.retry;
  std::vector<retry_settings> all;
  for (const std::string& name : setup.agent_names)
    all.push_back(retries_of[name]);
  return all;
}

void engine::impl::spawn_agents() {
  for (const agent_settings& each : setup.settings.agents)
    agents.emplace(each.name, spawn_agent(each));
}

caf::actor engine::impl::spawn_agent(const agent_settings& agent) {
  auto parts = std::make_shared<agent_parts>();
  parts->core = std::make_unique<agent_core>(agent_core_settings{
      agent, setup.settings.node, setup.settings.boot, setup.store.store_id, setup.store.hash,
      setup.settings.events, routes_replies(setup.settings.routes),
      !std::exchange(alone_slot_served, true), is_shared()});
  parts->component = "agent/" + agent.name;
  parts->clock = setup.clock;
  parts->bus = bus("agents");
  const auto runner = runners.find(agent.name);
  SKEIN_CHECK(runner != runners.end() || agent.kind != agent_kind::exec);
  parts->runner = runner == runners.end() ? nullptr : runner->second;
  parts->shutdown = shutdown;
  parts->log = setup.log;
  parts->facts = board_of(agent.name);
  return system.spawn(agent_actor, parts);
}

std::shared_ptr<jobs_parts> engine::impl::jobs_parts_of(std::shared_ptr<job_core> core) {
  auto parts = std::make_shared<jobs_parts>();
  parts->core = std::move(core);
  parts->as = static_cast<loop_no>(setup.settings.loops);
  parts->places.records = number_of(job_records_agent);
  if (is_shared())
    parts->places.outbox = number_of(outbox_agent);
  parts->clock = setup.clock;
  parts->store = setup.store_at;
  parts->log = setup.log;
  parts->facts = job_board;
  // Not by way of the engine: the store's threads may call these while it stops.
  parts->await = [to = gateway](event_id event, duration timeout, std::function<void(bool)> done) {
    ask_for_end(to, event, timeout, std::move(done));
  };
  parts->cancel = [to = gateway](event_id event) {
    caf::anon_send(
        to, make_parcel(gateway_call{
                ask_in{0, event.shard, R"({"op":"cancel","event":")" + to_string(event) + R"("})",
                       cancel_within},
                {},
                [](const std::vector<answer>&) {}}));
  };
  return parts;
}

std::shared_ptr<access_parts> engine::impl::access_parts_of(std::shared_ptr<access_core> core) {
  auto parts = std::make_shared<access_parts>();
  parts->core = std::move(core);
  parts->as = static_cast<loop_no>(setup.settings.loops);
  parts->audit_agent = number_of(audit_agent);
  parts->clock = setup.clock;
  parts->store = setup.store_at;
  parts->log = setup.log;
  parts->book = book;
  return parts;
}

void engine::impl::spawn_keepers() {
  auto parts = std::make_shared<keepers_parts>();
  parts->node = setup.settings.node;
  parts->desk =
      std::make_unique<keeper_desk>(desk_settings{setup.settings.node, setup.settings.boot});
  parts->clock = setup.clock;
  parts->store = setup.store_at;
  parts->bus = bus("gateway");
  parts->log = setup.log;
  parts->book = book;
  parts->tokens_agent = number_of(tokens_agent);
  // Copies: the store's threads may call this while the engine goes.
  kept_jobs->write(job_settings_of());
  parts->read = [of_jobs = kept_jobs, of_access = access_settings_of()](
                    journal::reader& reader, epoch_no epoch) -> result<kept_cores> {
    job_settings for_jobs = of_jobs->read();
    access_settings for_access = of_access;
    for_jobs.epoch = for_access.epoch = epoch;
    for_jobs.unclean = false; // a lease is lost for other reasons than a crash, too
    kept_cores found{std::make_shared<job_core>(for_jobs),
                     std::make_shared<access_core>(for_access)};
    if (auto done = recover_tokens(reader, for_access.tokens_agent, *found.access); !done)
      return done.error();
    if (auto done = recover_jobs(reader, for_jobs.jobs_agent, for_jobs.states_agent, *found.jobs);
        !done)
      return done.error();
    return found;
  };
  // By then the engine may be on its way to a stop.
  parts->jobs_parts_of = [like = jobs_parts_of({})](auto core) {
    auto made = std::make_shared<jobs_parts>(*like);
    made->core = std::move(core);
    return made;
  };
  parts->access_parts_of = [like = access_parts_of({})](auto core) {
    auto made = std::make_shared<access_parts>(*like);
    made->core = std::move(core);
    return made;
  };
  parts->job_facts_of_others = [facts = job_board] { facts->write({}); };
  desk_parts = parts;
  keepers = system.spawn(keepers_actor, parts);
}

} // namespace skein
