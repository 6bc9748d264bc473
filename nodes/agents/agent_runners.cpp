#include "nodes/agents/agent_runners.hpp"

#include "nodes/agents/program_guard.hpp"
#include "nodes/agents/state_file.hpp"

#include <algorithm>

namespace skein {

namespace {

/// Whether programs of the one serve for the other as well: retries are none of their business.
bool run_alike(const agent_settings& a, const agent_settings& b) {
  return a.exec == b.exec && a.concurrency == b.concurrency && a.timeout == b.timeout;
}

} // namespace

result<void> agent_runners::open_reactor() {
  if (reactor_)
    return {};
  auto opened = exec_reactor::open({around_.guard, around_.guard_log});
  if (!opened)
    return opened.error();
  reactor_ = *std::move(opened);
  state_file::remove_abandoned(); // by a node that was killed
  return {};
}

std::unique_ptr<changing_runner> agent_runners::make_runner(const std::string& agent) {
  return std::make_unique<changing_runner>(
      [this, log = around_.log_of(agent)](const agent_settings& of, runner_sink sink) {
        return std::make_unique<exec_runner>(reactor_, of, std::move(sink), log, around_.now);
      },
      [this, agent](runner_news news) { around_.report(agent, std::move(news)); });
}

result<std::map<std::string, runner_port*>>
agent_runners::follow(const std::vector<agent_settings>& agents) {
  const std::lock_guard lock{mutex_};
  std::map<std::string, runner_port*> made;
  std::map<std::string, agent_settings> wanted;
  for (const agent_settings& each : agents)
    if (each.kind == agent_kind::exec)
      wanted.emplace(each.name, each);
  if (!wanted.empty())
    if (auto opened = open_reactor(); !opened)
      return opened.error();
  for (const auto& [name, settings] : wanted) {
    auto& runner = runners_[name];
    if (!runner) {
      runner = make_runner(name);
      made[name] = runner.get();
    }
    if (const auto had = in_force_.find(name);
        had == in_force_.end() || !run_alike(had->second, settings))
      runner->change(settings);
    in_force_[name] = settings;
  }
  return made;
}

void agent_runners::let_go_but(const std::vector<agent_settings>& agents) {
  const std::lock_guard lock{mutex_};
  std::erase_if(in_force_, [&](const auto& each) {
    const bool stays = std::any_of(agents.begin(), agents.end(), [&](const agent_settings& agent) {
      return agent.name == each.first && agent.kind == agent_kind::exec;
    });
    if (!stays)
      runners_.at(each.first)->retire();
    return !stays;
  });
}

void agent_runners::sweep() {
  std::vector<std::vector<std::shared_ptr<void>>> over; // goes last, without the lock
  const std::lock_guard lock{mutex_};
  for (const auto& [agent, each] : runners_)
    over.push_back(each->sweep());
}

void agent_runners::drain() {
  const std::lock_guard lock{mutex_};
  for (const auto& [agent, each] : runners_)
    each->drain();
}

void agent_runners::close(duration patience) {
  const std::lock_guard lock{mutex_};
  for (const auto& [agent, each] : runners_)
    each->close(patience);
}

void agent_runners::clear() {
  const std::lock_guard lock{mutex_};
  runners_.clear();
  reactor_.reset();
}

} // namespace skein
