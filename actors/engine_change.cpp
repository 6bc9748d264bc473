// engine: a configuration that changes while it works. Whoever has a part of it is told in an order
// in which nobody meets what it does not know: who retries and who runs before who starts turns.
#include "actors/engine_impl.hpp"
#include "actors/reply_event.hpp"

#include <mutex>

namespace skein {

std::shared_ptr<board<agent_facts>> engine::impl::board_of(const std::string& agent) {
  auto& found = agent_boards[agent];
  if (!found)
    found = std::make_shared<board<agent_facts>>();
  return found;
}

void engine::impl::write_roster() {
  auto made = std::make_shared<roster>();
  made->names = setup.agent_names;
  for (const agent_settings& each : setup.settings.agents)
    made->agents.push_back({each, board_of(each.name)});
  agents_now->write(std::move(made));
}

void engine::prepare_change(const settings_change& to, std::function<void(result<void>)> done) {
  engine_settings with;
  with.agents = to.agents;
  impl_->setup.store_at->know_agents(
      agent_names_of(with, impl_->is_shared()),
      [own = impl_.get(), done = std::move(done)](result<std::vector<std::string>> names) {
        if (!names)
          return done(names.error());
        {
          const std::unique_lock lock{own->wiring};
          own->setup.agent_names = *std::move(names);
        }
        done({});
      });
}

result<void> engine::change(settings_change to, const std::map<std::string, runner_port*>& given) {
  const std::unique_lock lock{impl_->wiring};
  if (!impl_->gateway || impl_->draining.load())
    return error{errc::draining, "the node is shutting down"};
  const std::vector<agent_settings> before = impl_->setup.settings.agents;
  const bool told_replies = routes_replies(impl_->setup.settings.routes);
  for (const auto& [name, runner] : given)
    impl_->runners[name] = runner;
  impl_->take_over(std::move(to));
  for (const caf::actor& each : impl_->retries)
    caf::anon_send(each, make_parcel(retry_input{policies_in{impl_->policies()}}));
  impl_->tell_agents(before, told_replies, given);
  impl_->tell_early_news();
  impl_->write_roster();
  impl_->tell_loops();
  impl_->tell_jobs();
  return {};
}

/// The agents of the node itself are no part of any configuration.
void engine::impl::take_over(settings_change to) {
  engine_settings& now = setup.settings;
  for (agent_settings& each : now.agents)
    if (is_own_agent(each.name))
      to.agents.push_back(std::move(each));
  for (const auto& [name, text] : now.jobs)
    taken_out.insert(name);
  for (const auto& [name, text] : to.jobs)
    taken_out.erase(name);
  setup.tell_turns = to.tell_turns;
  now.agents = std::move(to.agents);
  now.routes = std::move(to.routes);
  now.jobs = std::move(to.jobs);
}

/// One that has gone stays as it is: its turns end there, and loops start none any more.
void engine::impl::tell_agents(const std::vector<agent_settings>& before, bool told_replies,
                               const std::map<std::string, runner_port*>& given) {
  const bool tells_replies = routes_replies(setup.settings.routes);
  for (const agent_settings& each : setup.settings.agents) {
    const auto found = agents.find(each.name);
    if (found == agents.end()) {
      const caf::actor made = agents.emplace(each.name, spawn_agent(each)).first->second;
      const agent_joined joined{caf::actor_cast<caf::weak_actor_ptr>(made)};
      caf::anon_send(shutdown, make_parcel(agent_joined{joined}));
      if (membership)
        caf::anon_send(membership, make_parcel(agent_joined{joined}));
      continue;
    }
    const auto runner = given.find(each.name);
    const bool is_same = tells_replies == told_replies && runner == given.end() &&
                         std::find(before.begin(), before.end(), each) != before.end();
    if (!is_same)
      caf::anon_send(found->second,
                     make_parcel(agent_change{{each, tells_replies},
                                              runner == given.end() ? nullptr : runner->second}));
  }
}

/// A route of one loop leads to events of another: all know the agents before any knows the routes.
void engine::impl::tell_loops() {
  loop_change_in told;
  told.tell_turns = setup.tell_turns;
  for (const std::string& name : setup.agent_names) {
    const agent_settings* const agent = configured(name);
    told.agents.push_back({name, agent != nullptr, agent != nullptr && agent->pure});
  }
  for (const caf::actor& each : schedulers)
    caf::anon_send(each, make_parcel(scheduler_input{told}));
  told.routes.emplace();
  for (const route_table::route& each : routes())
    told.routes->push_back({each.type, each.source, each.key, each.agent});
  for (const caf::actor& each : schedulers)
    caf::anon_send(each, make_parcel(scheduler_input{told}));
}

/// On a shared store they are this node's now, later, or never.
void engine::impl::tell_jobs() {
  const job_settings now = job_settings_of();
  kept_jobs->write(now);
  job_file_in told{now.of_file, now.taken_out, now.agent_names, now.around.agents, now.routes};
  if (jobs)
    caf::anon_send(jobs, make_parcel(job_input{std::move(told)}));
  if (keepers)
    caf::anon_send(keepers, make_parcel(std::move(told)));
}

} // namespace skein
