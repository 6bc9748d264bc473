#include "actors/engine.hpp"

#include "actors/access/access_reading.hpp"
#include "actors/interfaces.hpp"
#include "actors/jobs/job_reading.hpp"
#include "actors/lookups.hpp"
#include "actors/reply_event.hpp"
#include "actors/stream_hub.hpp"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <thread>

namespace skein {

namespace {

struct actor_config : caf::actor_system_config {
  explicit actor_config(bool testing) {
    // `sharing` wakes a worker at once; the default policy polls, which costs latency and idle
    // power.
    set("scheduler.policy", testing ? caf::atom("testing") : caf::atom("sharing"));
    set("scheduler.max-threads", std::max(2u, std::thread::hardware_concurrency()));
  }
};

/// Of a loop, to a cancel of a job's run.
constexpr std::chrono::seconds cancel_within{10};

/// Calls back with true once the event is over; see node_api.
void ask_for_end(const caf::actor& gateway, event_id event, duration timeout,
                 std::function<void(bool)> done) {
  const auto wait_ms = std::chrono::duration_cast<std::chrono::milliseconds>(timeout).count();
  ask_in question{0, event.shard,
                  R"({"op":"await","event":")" + to_string(event) + R"(","timeout_ms":)" +
                      std::to_string(wait_ms) + "}",
                  timeout};
  auto answered = [done = std::move(done)](const std::vector<answer>& answers) {
    done(!answers.empty() && answers.front().code == errc::none);
  };
  caf::anon_send(gateway, make_parcel(gateway_call{std::move(question), {}, std::move(answered)}));
}

} // namespace

std::vector<std::string> agent_names_of(const engine_settings& settings) {
  std::vector<std::string> names;
  for (const agent_settings& each : settings.agents)
    names.push_back(each.name);
  for (const std::string_view each :
       {jobs_agent, job_states_agent, job_records_agent, tokens_agent, audit_agent})
    names.emplace_back(each);
  return names;
}

std::vector<std::string> link_names(const engine_settings& settings) {
  std::vector<std::string> names{"gateway", "agents"};
  for (std::uint32_t i = 0; i < settings.loops; ++i)
    names.push_back("loop/" + std::to_string(i));
  return names;
}

struct engine::impl {
  explicit impl(engine_setup given)
    : setup{std::move(given)}, config{setup.testing}, system{config} {
    SKEIN_CHECK(setup.settings.loops > 0);
    recovered.resize(setup.agent_names.size());
    for (std::uint32_t i = 0; i < setup.settings.loops; ++i) {
      cores.push_back(std::make_unique<scheduler_core>(scheduler_settings_of(i)));
      loop_boards.push_back(std::make_shared<board<loop_facts>>());
    }
    jobs_core = std::make_unique<job_core>(job_settings_of());
    access = std::make_unique<access_core>(access_settings_of());
    for (std::size_t i = 0; i < setup.settings.agents.size(); ++i)
      agent_boards.push_back(std::make_shared<board<agent_facts>>());
    hub = std::make_shared<stream_hub>(*setup.store_at, setup.agent_names, setup.last_commit,
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
    of.unclean = !setup.store.clean;
    return of;
  }

  access_settings access_settings_of() const {
    access_settings of;
    of.node = setup.settings.node;
    of.epoch = static_cast<epoch_no>(setup.store.boot);
    of.retention = setup.audit_retention;
    of.tokens_agent = number_of(tokens_agent);
    of.audit_agent = number_of(audit_agent);
    return of;
  }

  std::vector<route_table::route> routes() const {
    std::vector<route_table::route> all;
    for (const route_settings& each : setup.settings.routes)
      all.push_back({each.type, each.source, each.key, number_of(each.agent)});
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
  void spawn_agents();
  void spawn_jobs();
  void spawn_access();
  void spawn_membership(shutdown_parts& drain);
  std::shared_ptr<lookups> make_lookups(engine& owner);

  engine_setup setup;
  actor_config config;
  caf::actor_system system;
  std::vector<std::unique_ptr<scheduler_core>> cores; // until start()
  std::unique_ptr<job_core> jobs_core;                // until start()
  std::unique_ptr<access_core> access;                // likewise
  std::vector<std::size_t> recovered;                 // deliveries, by agent number
  std::map<std::string, bus_port*> buses;
  std::map<std::string, runner_port*> runners;
  std::vector<std::shared_ptr<board<loop_facts>>> loop_boards;
  std::vector<std::shared_ptr<board<agent_facts>>> agent_boards;
  std::shared_ptr<board<gateway_facts>> gateway_board = std::make_shared<board<gateway_facts>>();
  std::shared_ptr<board<job_facts>> job_board = std::make_shared<board<job_facts>>();
  std::shared_ptr<board<lease_facts>> lease_board = std::make_shared<board<lease_facts>>();
  std::vector<std::shared_ptr<scheduler_parts>> loop_parts; // while they are spawned
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
  caf::actor membership; // of a shared store
  std::vector<caf::actor> schedulers;
  std::vector<caf::actor> retries;
  std::map<std::string, caf::actor> agents;
  error intake;                                // guarded by wiring
  std::atomic<errc> intake_closed{errc::none}; // its code
  std::atomic<bool> serving{false};
  std::atomic<bool> draining{false};
  std::atomic<std::uint64_t> undecodable{0};
  std::function<std::string(const std::optional<store_facts>&)> render_metrics;
};

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
  spawn_loops();
  spawn_agents();
  if (!is_shared()) { // of a shared store they are one node's
    spawn_jobs();
    spawn_access();
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
  parts->shutdown = caf::actor_cast<caf::weak_actor_ptr>(shutdown);
  parts->log = setup.log;
  parts->facts = lease_board;
  membership = system.spawn(membership_actor, parts);
  const auto keeper_of_leases = caf::actor_cast<caf::weak_actor_ptr>(membership);
  drain.membership = keeper_of_leases;
  for (const auto& each : loop_parts)
    each->membership = keeper_of_leases;
  caf::anon_send(membership, make_parcel(lease_input{tick_in{}})); // the first beat
}

void engine::impl::spawn_loops() {
  std::vector<retry_settings> policies;
  for (const std::string& name : setup.agent_names) {
    const agent_settings* agent = configured(name);
    policies.push_back(agent != nullptr ? agent->retry : retry_settings{});
  }
  for (std::uint32_t i = 0; i < setup.settings.loops; ++i) {
    auto again = std::make_shared<retry_parts>();
    again->core = std::make_unique<retry_core>(policies, setup.settings.seed);
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

void engine::impl::spawn_agents() {
  for (std::size_t i = 0; i < setup.settings.agents.size(); ++i) {
    const agent_settings& agent = setup.settings.agents[i];
    auto parts = std::make_shared<agent_parts>();
    parts->core = std::make_unique<agent_core>(agent_core_settings{
        agent, setup.settings.node, setup.settings.boot, setup.store.store_id, setup.store.hash,
        setup.settings.events, routes_replies(setup.settings.routes), i == 0, is_shared()});
    parts->component = "agent/" + agent.name;
    parts->clock = setup.clock;
    parts->bus = bus("agents");
    const auto runner = runners.find(agent.name);
    SKEIN_CHECK(runner != runners.end() || agent.kind != agent_kind::exec);
    parts->runner = runner == runners.end() ? nullptr : runner->second;
    parts->shutdown = shutdown;
    parts->log = setup.log;
    parts->facts = agent_boards[i];
    agents.emplace(agent.name, system.spawn(agent_actor, parts));
  }
}

void engine::impl::spawn_jobs() {
  auto parts = std::make_shared<jobs_parts>();
  parts->core = std::move(jobs_core);
  parts->as = static_cast<loop_no>(setup.settings.loops);
  parts->records_agent = number_of(job_records_agent);
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
  jobs = system.spawn(jobs_actor, parts);
}

void engine::impl::spawn_access() {
  auto parts = std::make_shared<access_parts>();
  parts->core = std::move(access);
  parts->as = static_cast<loop_no>(setup.settings.loops);
  parts->audit_agent = number_of(audit_agent);
  parts->clock = setup.clock;
  parts->store = setup.store_at;
  parts->log = setup.log;
  parts->book = book;
  keeper = system.spawn(access_actor, parts);
}

std::shared_ptr<lookups> engine::impl::make_lookups(engine& owner) {
  lookup_sources from;
  from.settings = setup.settings;
  from.version = setup.version;
  from.store_id = setup.store.store_id;
  from.shards = setup.store.hash.shards;
  from.agents = setup.agent_names;
  from.clock = setup.clock;
  from.store = setup.store_at;
  from.ask_loops = [to = gateway](ask_in question, std::function<void(std::vector<answer>)> done) {
    caf::anon_send(to, make_parcel(gateway_call{std::move(question), {}, std::move(done)}));
  };
  from.loops = loop_boards;
  from.pools = agent_boards;
  from.gateway = gateway_board;
  from.jobs = job_board;
  from.readiness = [&owner] { return owner.readiness(); };
  from.started = setup.clock->now();
  auto made = std::make_shared<lookups>(std::move(from));
  made->store_now([](const known_facts&) {}); // so that there are some if the store hangs later
  return made;
}

engine::engine(engine_setup setup) : impl_{std::make_unique<impl>(std::move(setup))} {}

engine::~engine() { stop(); }

void engine::recover(const journal::pending_event& found) {
  for (std::size_t i = 0; i < found.deliveries.size(); ++i)
    if (const std::size_t agent = raw(found.deliveries[i]);
        (found.live >> i & 1) != 0 && agent < impl_->recovered.size())
      ++impl_->recovered[agent];
  impl_->cores[raw(found.event.shard) % impl_->cores.size()]->recover(found);
}

result<void> engine::load(journal::reader& from) {
  const instant now = impl_->setup.clock->now().wall;
  for (const auto& core : impl_->cores)
    for (auto asked = core->first_rows(); !asked.empty(); asked = core->first_rows())
      for (const read_rows_effect& each : asked) {
        auto found = from.pending(each.sequences);
        if (!found)
          return found.error();
        core->take_first({each.number, std::move(found)}, now);
      }
  auto tokens = recover_tokens(from, impl_->number_of(tokens_agent), *impl_->access);
  if (!tokens)
    return tokens;
  impl_->book->write(impl_->access->valid_tokens()); // before the first request
  return recover_jobs(from, impl_->number_of(jobs_agent), impl_->number_of(job_states_agent),
                      *impl_->jobs_core);
}

void engine::attach_bus(const std::string& link, bus_port& bus) { impl_->buses[link] = &bus; }
void engine::attach_runner(const std::string& agent, runner_port& runner) {
  impl_->runners[agent] = &runner;
}

void engine::start() {
  impl_->hub->listen();
  impl_->warn_of_unconfigured();
  const std::unique_lock lock{impl_->wiring};
  impl_->spawn_all();
  impl_->spawned = true;
  impl_->tell_intake();
  for (auto& [agent, news] : std::exchange(impl_->early_news, {}))
    impl_->tell(agent, std::move(news));
  impl_->look = impl_->make_lookups(*this);
  impl_->serving.store(true);
}

void engine::deliver(const slice& bytes) {
  auto decoded = decode_frame(bytes);
  if (!decoded) {
    impl_->undecodable.fetch_add(1);
    return;
  }
  const std::string& to = decoded->header.to.name;
  const std::shared_lock lock{impl_->wiring};
  if (!impl_->gateway)
    return; // stopped
  if (to == "gateway") {
    caf::anon_send(impl_->gateway, make_parcel(gateway_call{frame_in{*std::move(decoded)}}));
  } else if (to.starts_with("agent/")) {
    if (const auto found = impl_->agents.find(to.substr(6)); found != impl_->agents.end())
      caf::anon_send(found->second, make_parcel(agent_input{frame_in{*std::move(decoded)}}));
  } else if (to == "membership") {
    if (impl_->membership)
      caf::anon_send(impl_->membership, make_parcel(*std::move(decoded)));
  } else if (to.starts_with("loop/") || to.starts_with("shard/")) {
    const bool is_loop = to.starts_with("loop/");
    auto loop = static_cast<std::size_t>(std::atoi(to.c_str() + (is_loop ? 5 : 6)));
    if (!is_loop)
      loop %= impl_->schedulers.size();
    if (loop < impl_->schedulers.size())
      caf::anon_send(impl_->schedulers[loop],
                     make_parcel(scheduler_input{frame_in{*std::move(decoded)}}));
  }
}

void engine::report(const std::string& agent, runner_news news) {
  std::shared_lock lock{impl_->wiring};
  if (impl_->spawned)
    return impl_->tell(agent, std::move(news));
  lock.unlock();
  const std::unique_lock alone{impl_->wiring};
  if (impl_->spawned)
    impl_->tell(agent, std::move(news));
  else
    impl_->early_news.emplace_back(agent, std::move(news));
}

void engine::set_intake(error closed) {
  const std::unique_lock lock{impl_->wiring};
  impl_->intake_closed.store(closed.code);
  impl_->intake = std::move(closed);
  impl_->tell_intake();
}

void engine::signal() {
  impl_->draining.store(true);
  // At once and not by way of the drain's actor: what is offered after this call is refused.
  if (!impl_->is_shared())
    caf::anon_send(impl_->gateway, make_parcel(gateway_call{refuse_in{}}));
  caf::anon_send(impl_->shutdown, make_parcel(shutdown_input{signal_in{}}));
}

void engine::stop() {
  std::unique_lock lock{impl_->wiring};
  if (!impl_->gateway)
    return;
  impl_->serving.store(false);
  impl_->hub->close();
  impl_->look.reset();
  const auto end = [](caf::actor& each) {
    caf::anon_send_exit(each, caf::exit_reason::kill);
    each = nullptr;
  };
  end(impl_->gateway);
  for (caf::actor* each : {&impl_->jobs, &impl_->keeper, &impl_->membership})
    if (*each)
      end(*each);
  end(impl_->shutdown);
  for (auto* group : {&impl_->schedulers, &impl_->retries}) {
    for (caf::actor& each : *group)
      end(each);
    group->clear();
  }
  for (auto& [name, each] : impl_->agents)
    end(each);
  impl_->agents.clear();
  lock.unlock();
  if (!impl_->setup.testing)
    impl_->system.await_all_actors_done();
}

engine::facts engine::read_facts() const {
  facts all;
  all.gateway = impl_->gateway_board->read();
  all.jobs = impl_->job_board->read();
  all.leases = impl_->lease_board->read();
  for (const auto& each : impl_->loop_boards)
    all.loops.push_back(each->read());
  for (const auto& each : impl_->agent_boards)
    all.agents.push_back(each->read());
  all.stream_readers = impl_->hub->subscribers();
  all.undecodable_frames = impl_->undecodable.load();
  return all;
}

const engine_settings& engine::settings() const { return impl_->setup.settings; }
const std::vector<std::string>& engine::agent_names() const { return impl_->setup.agent_names; }
const hash_settings& engine::hash() const { return impl_->setup.store.hash; }
const event_limits& engine::event_bounds() const { return impl_->setup.settings.events; }
instant engine::now() const { return impl_->setup.clock->now().wall; }

void engine::publish(std::vector<offered_event> events, std::function<void(publish_reply)> done) {
  SKEIN_CHECK(events.size() <= limits::batch_events_max);
  caf::anon_send(impl_->gateway,
                 make_parcel(gateway_call{publish_in{0, std::move(events)}, std::move(done), {}}));
}

void engine::await_event(event_id event, duration timeout, std::function<void(bool)> done) {
  ask_for_end(impl_->gateway, event, timeout, std::move(done));
}

void engine::ask(std::string operation, std::string arguments_json,
                 std::function<void(api_answer)> done) {
  act({}, std::move(operation), std::move(arguments_json), std::move(done));
}

void engine::act(caller by, std::string operation, std::string arguments_json,
                 std::function<void(api_answer)> done) {
  const auto look = impl_->look;
  if (!impl_->serving.load() || !look)
    return done({errc::not_ready, "the node is not started"});
  const bool is_for_keeper = operation.starts_with("job.") || operation.starts_with("token.") ||
                             operation.starts_with("audit.");
  if (is_for_keeper && impl_->is_shared())
    return done({errc::not_ready, "this node keeps no jobs, tokens and records"});
  if (operation.starts_with("job."))
    return caf::anon_send(impl_->jobs,
                          make_parcel(job_call{std::move(by), std::move(operation),
                                               std::move(arguments_json), std::move(done)}));
  if (operation.starts_with("token.") || operation.starts_with("audit."))
    return caf::anon_send(impl_->keeper,
                          make_parcel(access_call{std::move(by), std::move(operation),
                                                  std::move(arguments_json), std::move(done)}));
  if (by.who.empty() || impl_->is_shared())
    return look->ask(operation, arguments_json, std::move(done));
  look->ask(operation, arguments_json, recorded(by, operation, arguments_json, std::move(done)));
}

std::function<void(api_answer)> engine::recorded(const caller& by, const std::string& operation,
                                                 const std::string& arguments_json,
                                                 std::function<void(api_answer)> done) {
  audit_record record = audit_of(by, impl_->setup.settings.node, operation, arguments_json, now());
  return [keeper = impl_->keeper, record = std::move(record),
          done = std::move(done)](api_answer answer) mutable {
    write_down(keeper, std::move(record), std::move(answer), std::move(done));
  };
}

const token_book& engine::tokens() const { return *impl_->book; }

std::uint64_t engine::subscribe(stream_filter filter, stream_sink deliver) {
  return impl_->hub->subscribe(std::move(filter), std::move(deliver));
}
void engine::resume(std::uint64_t subscription) { impl_->hub->resume(subscription); }
void engine::unsubscribe(std::uint64_t subscription) { impl_->hub->unsubscribe(subscription); }

errc engine::readiness() const {
  if (impl_->draining.load())
    return errc::draining;
  if (!impl_->serving.load())
    return errc::not_ready;
  std::vector<loop_facts> loops;
  for (const auto& each : impl_->loop_boards)
    loops.push_back(each->read());
  const errc store = store_health(loops, impl_->setup.clock->now().boot);
  return store != errc::none ? store : impl_->intake_closed.load();
}

void engine::metrics(std::function<void(std::string)> done) {
  const auto look = impl_->look;
  if (!look || !impl_->render_metrics)
    return done({});
  look->store_now([render = impl_->render_metrics, done = std::move(done)](
                      const known_facts& known) { done(render(known.facts)); });
}
void engine::set_metrics(std::function<std::string(const std::optional<store_facts>&)> render) {
  impl_->render_metrics = std::move(render);
}
caf::actor_system& engine::system() { return impl_->system; }

} // namespace skein
