#include "actors/engine.hpp"

#include "actors/arguments.hpp"
#include "actors/broadcast.hpp"
#include "actors/engine_impl.hpp"
#include "actors/jobs/job_reading.hpp"

#include <nlohmann/json.hpp>

#include <mutex>

namespace skein {

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

std::vector<std::string> agent_names_of(const engine_settings& settings, bool shared) {
  std::vector<std::string> names;
  for (const agent_settings& each : settings.agents)
    names.push_back(each.name);
  for (const std::string_view each : {jobs_agent, job_states_agent, job_records_agent, tokens_agent,
                                      audit_agent, broadcast_agent})
    names.emplace_back(each);
  if (shared)
    names.emplace_back(outbox_agent);
  return names;
}

std::vector<std::string> link_names(const engine_settings& settings) {
  std::vector<std::string> names{"gateway", "agents"};
  for (std::uint32_t i = 0; i < settings.loops; ++i)
    names.push_back("loop/" + std::to_string(i));
  return names;
}

std::shared_ptr<lookups> engine::impl::make_lookups(engine& owner) {
  lookup_sources from;
  from.node = setup.settings.node;
  from.loops_count = setup.settings.loops;
  from.version = setup.version;
  from.store_id = setup.store.store_id;
  from.shards = setup.store.hash.shards;
  from.roster = agents_now;
  from.clock = setup.clock;
  from.store = setup.store_at;
  from.ask_loops = [to = gateway](ask_in question, std::function<void(std::vector<answer>)> done) {
    caf::anon_send(to, make_parcel(gateway_call{std::move(question), {}, std::move(done)}));
  };
  from.loops = loop_boards;
  from.gateway = gateway_board;
  from.jobs = job_board;
  if (is_shared())
    from.leases = lease_board;
  from.config = config_known;
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
  const auto access =
      impl_->is_shared() ? std::make_shared<access_core>(access_settings{}) : impl_->access;
  auto tokens = recover_tokens(from, impl_->number_of(tokens_agent), *access);
  if (!tokens)
    return tokens;
  impl_->book->write(access->valid_tokens()); // before the first request
  if (impl_->is_shared())
    return {};
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
  impl_->asks = std::make_shared<config_asks>(*impl_->setup.clock, *impl_->bus("gateway"));
  impl_->spawn_all();
  impl_->spawned = true;
  impl_->tell_intake();
  impl_->tell_early_news();
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
  } else if (to == keeper_desk_name) {
    if (impl_->keepers)
      caf::anon_send(impl_->keepers, make_parcel(desk_input{frame_in{*std::move(decoded)}}));
  } else if (to == config_part) {
    impl_->hear_config(*decoded);
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

void engine::peer_up(const std::string& node) {
  const std::shared_lock lock{impl_->wiring};
  if (impl_->gateway)
    caf::anon_send(impl_->gateway, make_parcel(gateway_call{peer_up_in{node}}));
}

void engine::report(const std::string& agent, runner_news news) {
  std::shared_lock lock{impl_->wiring};
  if (impl_->agents.contains(agent))
    return impl_->tell(agent, std::move(news));
  lock.unlock();
  const std::unique_lock alone{impl_->wiring};
  if (impl_->spawned && !impl_->gateway)
    return; // stopped
  impl_->early_news.emplace_back(agent, std::move(news));
  impl_->tell_early_news(); // it may have come between the locks
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
  for (caf::actor* each : {&impl_->jobs, &impl_->keeper, &impl_->keepers, &impl_->membership})
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
  impl_->asks->close();
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
  const auto now = impl_->agents_now->read();
  for (const roster::entry& each : now->agents) {
    all.agent_names.push_back(each.agent.name);
    all.agents.push_back(each.facts->read());
  }
  all.config_generation = impl_->config_known->read().nodes[impl_->setup.settings.node].number;
  all.stream_readers = impl_->hub->subscribers();
  all.undecodable_frames = impl_->undecodable.load();
  return all;
}

void engine::probe(duration within, std::function<void(bool all)> done) {
  auto judge = [done = std::move(done)](const std::vector<answer>& answers) {
    done(std::all_of(answers.begin(), answers.end(),
                     [](const answer& each) { return each.code == errc::none; }));
  };
  caf::anon_send(
      impl_->gateway,
      make_parcel(gateway_call{ask_in{0, {}, R"({"op":"loop"})", within}, {}, std::move(judge)}));
}

const engine_settings& engine::settings() const { return impl_->setup.settings; }
std::vector<std::string> engine::agent_names() const { return impl_->agents_now->read()->names; }
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
  if (impl_->is_shared() && is_for_keepers(operation))
    return caf::anon_send(impl_->keepers,
                          make_parcel(desk_call{std::move(by), std::move(operation),
                                                std::move(arguments_json), std::move(done)}));
  if (is_for_node(operation)) {
    auto written =
        by.who.empty() ? std::move(done) : recorded(by, operation, arguments_json, std::move(done));
    return impl_->ask_node(by, std::move(operation), std::move(arguments_json), std::move(written));
  }
  if (operation.starts_with("job."))
    return caf::anon_send(impl_->jobs,
                          make_parcel(job_call{std::move(by), std::move(operation),
                                               std::move(arguments_json), std::move(done)}));
  if (operation.starts_with("token."))
    return caf::anon_send(impl_->keeper,
                          make_parcel(access_call{std::move(by), std::move(operation),
                                                  std::move(arguments_json), std::move(done)}));
  if (by.who.empty())
    return look->ask(operation, arguments_json, std::move(done));
  look->ask(operation, arguments_json, recorded(by, operation, arguments_json, std::move(done)));
}

/// A node gives its shards to the others, or takes part again.
void engine::impl::ask_node(const caller& by, std::string operation, std::string arguments,
                            std::function<void(api_answer)> done) {
  const auto words = nlohmann::json::parse(arguments, nullptr, false);
  const std::string node = words.is_object() ? said(words, "node") : std::string{};
  if (!is_shared())
    return done({errc::state_conflict, "its store is its own, and nobody could take its shards: "
                                       "stop the node instead"});
  const auto known = lease_board->read().members;
  if (std::none_of(known.begin(), known.end(), [&](const auto& each) { return each.node == node; }))
    return done({errc::not_found, "no node is named '" + node + "', or it is down"});
  const auto takes_part = [&](const auto& each) { return each.node != node && !each.leaving; };
  if (operation == "node.drain" && std::none_of(known.begin(), known.end(), takes_part))
    return done({errc::state_conflict, "no other node takes part: its shards would be nobody's"});
  caf::anon_send(keepers, make_parcel(desk_call{by, std::move(operation), std::move(arguments),
                                                std::move(done), node}));
}

std::function<void(api_answer)> engine::recorded(const caller& by, const std::string& operation,
                                                 const std::string& arguments_json,
                                                 std::function<void(api_answer)> done) {
  audit_record record = audit_of(by, impl_->setup.settings.node, operation, arguments_json, now());
  return [write_down = impl_->record_writer(), record = std::move(record),
          done = std::move(done)](api_answer answer) mutable {
    if (!may_have_changed(answer.code))
      return done(std::move(answer));
    if (answer.code != errc::none)
      record.result = slug(answer.code);
    write_down(std::move(record),
               [answer = std::move(answer), done = std::move(done)](const api_answer& how) {
                 done(how.code == errc::none ? answer : how);
               });
  };
}

namespace {

/// The change was made, and nobody could keep the record of it.
api_answer not_written_down(const audit_record& record, const log_sink& log) {
  log_effect line;
  line.severity = log_severity::error;
  line.id = "audit-record-dropped";
  line.text = "no node keeps records now; this one is here alone: " + audit_text(record);
  log("keepers", line);
  return {errc::timed_out, "it was done, but the record of it is in the log alone"};
}

} // namespace

/// Of this process, so that a record that is told twice is one.
std::string engine::impl::next_note() const {
  return std::to_string(setup.settings.boot) + "-" + std::to_string(notes.fetch_add(1));
}

/// Without a word of the engine, which may stop meanwhile.
engine::impl::record_sink engine::impl::record_writer() const {
  if (is_shared())
    return [to = keepers, number = next_note(), log = setup.log](const audit_record& record,
                                                                 auto written) {
      auto answered = [record, log, written = std::move(written)](api_answer how) {
        if (how.code == errc::not_owner || how.code == errc::timed_out)
          how = not_written_down(record, log);
        written(std::move(how));
      };
      caf::anon_send(
          to,
          make_parcel(desk_call{
              {}, std::string{note_operation}, audit_note(record, number), std::move(answered)}));
    };
  return [to = keeper](const audit_record& record, auto written) {
    caf::anon_send(to, make_parcel(audit_call{record, {}, std::move(written)}));
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
  if (impl_->is_shared()) {
    const lease_facts known = impl_->lease_board->read();
    if (known.counted.beats == 0)
      return errc::not_ready; // nobody knows yet whose the shards are
    if (known.heard + 2 * limits::lease_ttl < impl_->setup.clock->now().boot)
      return errc::store_unreachable;
  }
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
