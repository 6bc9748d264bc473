#include "nodes/node.hpp"

#include "actors/engine.hpp"
#include "actors/shutdown_core.hpp"
#include "journal/postgres/postgres_options.hpp"
#include "nodes/access/stored_tokens.hpp"
#include "nodes/agents/agent_runners.hpp"
#include "nodes/broker/broker.hpp"
#include "nodes/broker/peer_office.hpp"
#include "nodes/broker/zmq_frames.hpp"
#include "nodes/clock/real_clock.hpp"
#include "nodes/clock/time_zones.hpp"
#include "nodes/config/version.hpp"
#include "nodes/http/admission.hpp"
#include "nodes/http/http_server.hpp"
#include "nodes/logging/logging.hpp"
#include "nodes/metrics/metrics.hpp"
#include "nodes/node_door.hpp"
#include "nodes/node_mesh.hpp"
#include "nodes/node_reload.hpp"
#include "nodes/random_bits.hpp"
#include "nodes/reload/config_office.hpp"
#include "nodes/store/disk_watch.hpp"
#include "nodes/store/lease_thread.hpp"
#include "nodes/store/medium.hpp"
#include "nodes/store/store_threads.hpp"
#include "nodes/store/watchdog.hpp"
#include "nodes/store_log.hpp"
#include "protocol/text.hpp"

#include <array>
#include <atomic>
#include <bit>
#include <filesystem>
#include <map>
#include <mutex>
#include <sys/resource.h>
#include <unistd.h>

namespace skein {

namespace {

void write_log(std::string_view component, const log_effect& line) {
  static constexpr std::array levels{log_level::debug, log_level::info, log_level::warn,
                                     log_level::error};
  const log_level level = levels[static_cast<std::size_t>(line.severity)];
  if (!log_enabled(level))
    return;
  log_fields fields;
  for (const auto& [name, value] :
       {std::pair{"event", &line.event}, {"agent", &line.agent}, {"key", &line.key}})
    if (!value->empty())
      fields.push_back({name, *value});
  log(level, component, line.id, line.text, fields);
}

constexpr std::array exec_levels{log_level::debug, log_level::info, log_level::warn,
                                 log_level::error};

void write_exec_log(const std::string& agent, exec_log_level level, std::string_view id,
                    std::string_view text, std::string_view turn) {
  log_fields fields{{"agent", agent}};
  if (!turn.empty())
    fields.push_back({"turn", std::string{turn}});
  log(exec_levels[static_cast<std::size_t>(level)], "agent/" + agent, id, text, fields);
}

void write_guard_log(exec_log_level level, std::string_view id, std::string_view text,
                     std::string_view) {
  log(exec_levels[static_cast<std::size_t>(level)], "agents", id, text);
}

void write_http_log(http_log_level level, std::string_view id, const std::string& text) {
  static constexpr std::array levels{log_level::info, log_level::warn, log_level::error};
  log(levels[static_cast<std::size_t>(level)], "http", id, text);
}

/// The limit of open files once it is as high as this process may have it. Programs do not inherit
/// it (agents/launch.cpp).
std::uint64_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return 0;
  rlimit raised = limit;
  raised.rlim_cur = raised.rlim_max;
  return ::setrlimit(RLIMIT_NOFILE, &raised) == 0 ? raised.rlim_cur : limit.rlim_cur;
}

/// Three pipes, the process itself and a state's directory, of each program that may run.
std::uint64_t descriptors_of_programs(const engine_settings& settings) {
  std::uint64_t programs = 0;
  for (const agent_settings& agent : settings.agents)
    if (agent.kind == agent_kind::exec)
      programs += agent.exec.processes != 0 ? agent.exec.processes : agent.concurrency;
  return 5 * programs;
}

/// A socket, its connection and what wakes it, of each peer; and what waits at the door for them.
std::uint64_t descriptors_of_peers(const node_options& options) {
  return options.broker.empty() ? 0 : 16 + 8 * options.peers.size();
}

void fit_to_descriptors(http_settings& http, const node_options& options) {
  const std::uint64_t limit = raise_descriptor_limit();
  const admission::caps wanted{http.connections_max, http.connections_reserved,
                               http.connections_per_ip_max};
  const std::uint64_t others =
      descriptors_of_programs(options.settings) + descriptors_of_peers(options);
  const admission::caps caps = admission::fit(wanted, limit - std::min(limit, others));
  http.connections_max = caps.total;
  http.connections_per_ip_max = caps.per_peer;
  if (caps.total == wanted.total)
    return;
  log(log_level::warn, "node", "descriptors-few",
      "the process may open " + std::to_string(limit) + " files, so it serves at most " +
          std::to_string(caps.total) + " connections instead of " + std::to_string(wanted.total) +
          "; raise the hard limit of open files (ulimit -Hn, or LimitNOFILE of its service)",
      {{"limit", std::to_string(limit)}, {"connections", std::to_string(caps.total)}});
}

/// A clock that is this much behind the last commit is told of.
constexpr std::chrono::minutes clock_behind_told{1};

/// A disk that hangs must not hold up the end of the process for ever.
void end_now() {
  log(log_level::error, "store", "close-overrun",
      "the store could not be closed in time; the process ends all the same, and the next start "
      "reads the disk anew");
  flush_log(last_lines_limit);
  _exit(exit_overrun);
}

} // namespace

struct node::impl {
  result<void> open(const node_options& given);
  result<void> open_store();
  result<void> open_journal();
  result<std::unique_ptr<journal::engine>> open_own_journal(journal::open_options how);
  result<std::unique_ptr<journal::engine>> open_shared_journal(journal::open_options& how);
  result<void> recover_pending();
  void begin_disk_watch();
  result<void> recover();
  result<void> open_agents();
  void open_config();
  http_settings door() const;
  result<void> try_mesh();
  result<void> try_door();
  result<void> open_door();
  std::string metrics_page(const std::optional<store_facts>& facts);
  void store_broke(const error& problem);
  duration time_left();

  node_options options;
  std::vector<std::string> guard_command;
  wake_fd ended;
  std::atomic<bool> broken{false};
  std::mutex mutex;
  node_end end;                           // guarded by mutex
  std::function<void(bool)> reloads_told; // likewise
  std::atomic<bool> ends{false};

  // In the order of construction; destroyed in reverse.
  std::shared_ptr<store_time> time_of_store; // of one that several nodes share
  std::unique_ptr<real_clock> clock;
  std::unique_ptr<journal::engine> store;
  std::unique_ptr<disk_watch> disk; // empty: the store lies on none
  std::unique_ptr<store_threads> threads;
  journal::member_info member;          // of a store that several nodes share
  std::unique_ptr<lease_thread> leases; // likewise
  std::unique_ptr<class engine> actors;
  std::optional<mesh_settings> mesh; // until the broker has it
  std::unique_ptr<broker> bus;
  std::unique_ptr<peer_office> peers;
  std::map<std::string, std::unique_ptr<bus_port>> links;
  std::unique_ptr<agent_runners> programs;
  std::unique_ptr<node_door> offered;
  std::unique_ptr<config_office> config;
  std::unique_ptr<http_server> http;
  boot_time started{};
};

// ---- starting ---------------------------------------------------------------------------------

result<void> node::impl::open(const node_options& given) {
  options = given;
  if (options.settings.seed == 0)
    options.settings.seed = random_bits();
  options.settings.boot = random_bits();
  wall_source wall;
  wall.doubted = log_doubted_clock;
  if (options.shares_its_store())
    wall.of_store = time_of_store = std::make_shared<store_time>();
  auto opened = real_clock::open(std::move(wall));
  if (!opened)
    return opened.error();
  clock = *std::move(opened);
  started = clock->now().boot;
  // The port before the agents: a node that cannot serve must not have run any turn.
  for (const auto step : {&impl::try_mesh, &impl::try_door, &impl::open_store, &impl::recover,
                          &impl::open_door, &impl::open_agents})
    if (auto done = (this->*step)(); !done)
      return done;
  return http->start();
}

/// One that several nodes share, and its leases. Its clock is the node's from then on.
result<std::unique_ptr<journal::engine>>
node::impl::open_shared_journal(journal::open_options& how) {
  journal::postgres_options shared;
  shared.url = options.store;
  shared.cluster = options.cluster_name;
  shared.who.node = options.settings.node;
  shared.who.boot = hex_of(options.settings.boot);
  shared.who.address = options.broker;
  shared.who.weight = options.weight;
  shared.single = options.single_copy;
  shared.store = how;
  const boot_time asked = clock->now().boot;
  const auto said = journal::time_of_postgres(shared);
  if (!said)
    return said.error();
  time_of_store->heard(*said, asked, clock->now().boot);
  shared.store.now = how.now = clock->now().wall;
  auto opened = journal::open_postgres(shared);
  if (!opened)
    return opened;
  auto of_store = journal::open_postgres_leases(shared);
  if (!of_store)
    return of_store.error();
  member = shared.who;
  leases = std::make_unique<lease_thread>(*std::move(of_store), *clock,
                                          [this](instant at, boot_time sent, boot_time answered) {
                                            if (time_of_store->heard(at, sent, answered))
                                              clock->wall_was_set();
                                          });
  return opened;
}

result<std::unique_ptr<journal::engine>> node::impl::open_own_journal(journal::open_options how) {
  how.disk_reserve = free_mark_of(options.data_dir, options.disk);
  auto opened = journal::open(options.store_url(), how);
  if (!opened && opened.error().code == errc::disk_full && ballast{options.data_dir}.release()) {
    log(log_level::warn, "store", "ballast-released",
        "the disk is too full to open the store; its ballast was given up for that");
    opened = journal::open(options.store_url(), how);
  }
  return opened;
}

result<void> node::impl::open_journal() {
  journal::open_options how = store_options(options, clock->now().wall, random_bits());
  auto opened = options.shares_its_store() ? open_shared_journal(how) : open_own_journal(how);
  if (!opened)
    return opened.error();
  store = *std::move(opened);
  if (auto guarded = check_guarded(options, *store, how.now); !guarded)
    return guarded;
  if (store->last_commit_at() > how.now + clock_behind_told)
    log(log_level::warn, "store", "clock-behind",
        "the clock says " + format_rfc3339(how.now) + ", but the last commit was at " +
            format_rfc3339(store->last_commit_at()) +
            "; until the clock is past that, events are accepted at that time, and none becomes "
            "due "
            "or expires");
  // The wall clock may have been set back while no process looked.
  clock->not_before(store->last_commit_at());
  return {};
}

result<void> node::impl::open_store() {
  if (auto opened = open_journal(); !opened)
    return opened;
  begin_disk_watch();
  auto of_turns = store->new_reader();
  auto of_look_ups = store->new_reader();
  if (!of_turns || !of_look_ups)
    return !of_turns ? of_turns.error() : of_look_ups.error();
  threads = std::make_unique<store_threads>(
      *store, store_threads::readers{*std::move(of_turns), *std::move(of_look_ups)}, *clock,
      options.settings.loops,
      store_threads::calls{[this](const error& problem) { store_broke(problem); }, log_upkeep,
                           log_note, log_unreadable,
                           [this](instant last) { clock->not_before(last); }},
      disk.get());
  return {};
}

void node::impl::begin_disk_watch() {
  if (options.ephemeral || options.shares_its_store())
    return;
  if (const auto warning = medium_warning(options.data_dir))
    log(log_level::warn, "store", "medium-not-durable", *warning);
  disk = std::make_unique<disk_watch>(
      options.data_dir, options.disk,
      [this](disk_news news, const disk_facts& facts, const error& why) {
        log_disk(news, facts, why);
        if (news == disk_news::low)
          actors->set_intake({errc::disk_low, disk_text(facts)});
        else if (news == disk_news::enough)
          actors->set_intake({});
      });
}

result<void> node::impl::recover() {
  engine_setup setup;
  setup.settings = options.settings;
  setup.version = version();
  setup.store = store->identity();
  for (const std::string& agent : agent_names_of(options.settings, options.shares_its_store()))
    if (auto number = store->agent_number(agent); !number)
      return number.error();
  auto with_state = store->agents_with_state();
  if (!with_state)
    return with_state.error();
  setup.agents_with_state = *std::move(with_state);
  setup.agent_names = store->agent_names();
  setup.last_commit = store->last_commit();
  setup.opened_at = store->last_commit_at();
  setup.clock = clock.get();
  setup.store_at = threads.get();
  setup.leases = leases.get();
  setup.member = member;
  if (!options.shares_its_store())
    for (const auto& [peer, broker] : options.peers)
      setup.peers.push_back(peer);
  setup.log = write_log;
  setup.find_zone = [](std::string_view name) {
    const auto zone = find_zone(name);
    return zone ? *zone : nullptr;
  };
  setup.config_asked = [this](caller by, std::string operation, std::string arguments,
                              std::function<void(api_answer)> done) {
    if (config_office::answers(operation) && offered)
      offered->act(std::move(by), std::move(operation), std::move(arguments), std::move(done));
    else
      done({errc::invalid_argument, operation});
  };
  setup.audit_retention = options.retention;
  setup.tell_turns = log_enabled(log_level::debug);
  setup.drained = [this](finish_effect effect) {
    {
      const std::lock_guard lock{mutex};
      end = {effect.code, std::move(effect.left), effect.pending, effect.time_left};
    }
    ended.raise();
  };
  actors = std::make_unique<class engine>(std::move(setup));
  if (auto done = recover_pending(); !done)
    return done;
  for (const std::string& each : store->take_notes()) // a start mends what it can
    log(log_level::warn, "store", "store-mended", each);
  if (disk)
    disk->look(); // before the first event could come
  threads->start();
  if (leases)
    leases->start();
  return {};
}

result<void> node::impl::recover_pending() {
  std::size_t found = 0;
  if (!options.shares_its_store()) // else shards come with their leases
    if (auto done = store->recover([&](const journal::pending_event& each) {
          found += static_cast<std::size_t>(std::popcount(each.live));
          actors->recover(each);
        });
        !done)
      return done;
  auto rows = store->new_reader();
  if (!rows)
    return rows.error();
  if (auto done = actors->load(**rows); !done)
    return done;
  if (options.shares_its_store())
    return {};
  if (found > 0 || !store->identity().clean)
    log(log_level::info, "store", "store-recovered",
        std::to_string(found) +
            (found == 1 ? " pending delivery was" : " pending deliveries were") + " found" +
            (store->identity().clean ? "" : " after an unclean stop"));
  return {};
}

result<void> node::impl::open_agents() {
  if (mesh)
    mesh->news = [this, log = mesh->news](const peer_news& news) {
      log(news);
      if (news.up)
        actors->peer_up(news.peer);
    };
  auto connected = open_broker(options, std::exchange(mesh, std::nullopt));
  if (!connected)
    return connected.error();
  bus = *std::move(connected);
  if (!options.ephemeral) { // the folder that its options name is another node's
    peers = std::make_unique<peer_office>(
        peer_office::settings{options.settings.node, options.data_dir, bus.get(),
                              [this] { return clock->now().wall; }, log});
    offered->attach(peers.get());
  }
  for (const std::string& name : link_names(options.settings)) {
    links[name] = bus->connect(name, [this](const slice& frame) { actors->deliver(frame); });
    actors->attach_bus(name, *links[name]);
  }
  programs = std::make_unique<agent_runners>(agent_runners::world{
      guard_command, write_guard_log,
      [this](const std::string& agent, runner_news news) {
        actors->report(agent, std::move(news));
      },
      [](const std::string& agent) -> exec_log {
        return [agent](exec_log_level level, std::string_view id, std::string_view text,
                       std::string_view turn) { write_exec_log(agent, level, id, text, turn); };
      },
      [this] { return clock->now().wall; }});
  auto runners = programs->follow(options.settings.agents);
  if (!runners)
    return runners.error();
  for (const auto& [agent, runner] : *runners)
    actors->attach_runner(agent, *runner);
  actors->set_metrics(
      [this](const std::optional<store_facts>& facts) { return metrics_page(facts); });
  actors->start();
  open_config();
  return {};
}

void node::impl::open_config() {
  config_office::settings how;
  how.node = options.settings.node;
  if (!options.config_file.empty()) {
    std::error_code failed;
    const auto whole = std::filesystem::absolute(options.config_file, failed);
    how.file = failed ? options.config_file : whole.lexically_normal().string();
    how.text = options.config_text;
  }
  how.folder = options.ephemeral ? std::string{} : options.data_dir;
  how.now = [this] { return clock->now(); };
  how.log = log;
  how.apply = [this](const loaded_config& to) {
    return take_over(to, {options, *actors, *programs, ends});
  };
  how.tell = [this](std::string view, std::uint64_t generation, const std::string& hash) {
    programs->sweep();
    actors->tell_config(std::move(view), generation, hash);
  };
  how.busy = [this](bool begins) {
    const std::lock_guard lock{mutex};
    if (reloads_told)
      reloads_told(begins);
  };
  config = std::make_unique<config_office>(std::move(how));
  offered->attach(config.get());
}

http_settings node::impl::door() const {
  http_settings settings;
  settings.address = options.http_host;
  settings.port = options.http_port;
  settings.tls = options.tls;
  settings.log = write_http_log;
  return settings;
}

/// Before anything is made in the folder, too: without its key the node could not serve.
result<void> node::impl::try_mesh() {
  auto read = read_mesh(options);
  if (!read)
    return read.error();
  mesh = *std::move(read);
  if (mesh)
    mesh->boot = options.settings.boot; // what frames say of their process
  return {};
}

/// Nothing is made in a folder for a node that could not serve. Where there is a store already, who
/// has it open is to be told first.
result<void> node::impl::try_door() {
  std::error_code ignored;
  if (options.ephemeral || std::filesystem::exists(options.data_dir, ignored))
    return {};
  return http_server::try_to_listen(door());
}

result<void> node::impl::open_door() {
  http_settings settings = door();
  fit_to_descriptors(settings, options);
  offered = std::make_unique<node_door>(*actors, !options.ephemeral);
  http = std::make_unique<http_server>(std::move(settings), *offered);
  return http->listen();
}

std::string node::impl::metrics_page(const std::optional<store_facts>& facts) {
  metrics_sources from;
  from.parts = actors->read_facts();
  from.node = options.settings.node;
  from.frames = bus->counted();
  from.mesh = bus->mesh();
  from.version = version();
  from.shares_its_store = options.shares_its_store();
  from.now = clock->now().boot;
  from.uptime_s = std::chrono::duration<double>(from.now - started).count();
  from.store = facts;
  from.agents = actors->agent_names();
  from.ready = actors->readiness() == errc::none;
  return render_metrics(from);
}

/// Whoever waits for the broken commit is told "unknown" first; then the process must go.
void node::impl::store_broke(const error& problem) {
  log(log_level::error, "store", "store-failed",
      "the store failed, and what of its last commit is on disk is unknown; the process ends and "
      "reads the disk anew at its next start: " +
          to_string(problem));
  broken.store(true);
  ended.raise();
}

/// Programs that do not listen have until the drain's deadline.
duration node::impl::time_left() {
  const std::lock_guard lock{mutex};
  return end.time_left;
}

node::node(std::unique_ptr<impl> parts) : impl_{std::move(parts)} {}
node::~node() = default;

result<std::unique_ptr<node>> node::start(const node_options& options,
                                          std::vector<std::string> guard) {
  auto parts = std::make_unique<impl>();
  parts->guard_command = std::move(guard);
  if (auto done = parts->open(options); !done)
    return done.error();
  return std::unique_ptr<node>{new node{std::move(parts)}};
}

// ---- serving and ending -----------------------------------------------------------------------

std::uint16_t node::http_port() const { return impl_->http->port(); }
node_api& node::api() { return *impl_->offered; }
void node::probe(duration within, std::function<void(bool)> done) {
  impl_->actors->probe(within, std::move(done));
}
int node::ended_fd() const { return impl_->ended.fd(); }
bool node::store_failed() const { return impl_->broken.load(); }

/// The door first: whoever sees that the engine has begun to drain finds /readyz saying so.
void node::signal() {
  impl_->http->begin_drain();
  impl_->actors->signal();
  impl_->programs->drain();
}

void node::reload() { impl_->config->signal(); }

void node::tell_reloads(std::function<void(bool)> tell) {
  const std::lock_guard lock{impl_->mutex};
  impl_->reloads_told = std::move(tell);
}

node_end node::finish() {
  impl& parts = *impl_;
  parts.http->stop();
  const duration patience = parts.time_left();
  parts.ends.store(true);
  parts.programs->close(patience);
  {
    const watchdog limit{store_close_max,
                         end_now}; // a change of the list of peers waits for a disk
    parts.offered->attach(static_cast<peer_office*>(
        nullptr)); // before the actors: they keep the record of what it changes
    parts.peers.reset();
    parts.offered->attach(static_cast<config_office*>(nullptr));
    parts.config.reset();
  }
  parts.actors->stop(); // they use runners and links; what these still say goes nowhere
  parts.programs->clear();
  parts.links.clear();
  parts.bus.reset();
  const watchdog limit{store_close_max, end_now};
  if (parts.leases)
    parts.leases->close();
  const auto closed = parts.threads->close();
  if (!closed)
    log(log_level::error, "store", "store-not-closed", to_string(closed.error()));
  const std::lock_guard lock{parts.mutex};
  // No room for the last words is no failure: all that was acknowledged is on disk.
  const bool failed = !closed && !journal::is_refusal(closed.error().code);
  if (failed || parts.broken.load())
    parts.end.code = exit_store_failed;
  return parts.end;
}

} // namespace skein
