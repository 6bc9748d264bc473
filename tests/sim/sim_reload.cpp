// sim_node: the configuration changes while it works.
#include "tests/sim/sim_node.hpp"

#include <algorithm>
#include <utility>

namespace skein::test {

namespace {
constexpr const char* extra_agent = "extra"; // no file has it at a start
} // namespace

settings_change sim_node::whole_settings() const {
  settings_change all;
  all.agents = options_.agents;
  all.routes = options_.routes;
  for (const auto& [name, each] : options_.jobs)
    all.jobs[name] = each.definition;
  agent_settings extra;
  extra.name = extra_agent;
  extra.kind = agent_kind::echo;
  all.agents.push_back(extra);
  all.routes.push_back({"leaf.*", "", "", extra_agent});
  return all;
}

void sim_node::reload(sim_random& dice) {
  settings_change to = whole_settings();
  const auto take_out = [&](const std::string& name) {
    std::erase_if(to.agents, [&](const agent_settings& each) { return each.name == name; });
    std::erase_if(to.routes, [&](const route_settings& each) { return each.agent == name; });
  };
  if (dice.chance(0.5))
    take_out(extra_agent);
  const std::string one = options_.agents[dice.below(options_.agents.size())].name;
  const bool has_job =
      std::any_of(options_.jobs.begin(), options_.jobs.end(), [&](const auto& each) {
        return each.second.definition.find('"' + one + '"') != std::string::npos;
      });
  if (dice.chance(0.5) && !has_job) {
    take_out(one);
    ++world_.seen["agent taken out of the configuration"];
  }
  for (agent_settings& each : to.agents) {
    each.concurrency = static_cast<std::uint32_t>(1 + dice.below(each.concurrency));
    each.pure = each.pure && dice.chance(0.7);
  }
  if (dice.chance(0.3) && to.routes.size() > 1)
    to.routes.erase(to.routes.begin() + static_cast<std::ptrdiff_t>(dice.below(to.routes.size())));
  change_to(std::move(to), false);
}

void sim_node::reload_whole() {
  if (engine_ && !is_whole_)
    change_to(whole_settings(), true);
}

void sim_node::change_to(settings_change to, bool is_whole) {
  if (!engine_ || dying())
    return;
  engine_->prepare_change(to, [this, to, is_whole, life = life_](const result<void>& prepared) {
    if (life != life_ || dying())
      return;
    if (!prepared || !engine_->change(to, {})) {
      ++world_.seen["change of the configuration refused"];
      return;
    }
    is_whole_ = is_whole;
    world_.mix(to.agents.size());
    ++world_.seen["configuration changed"];
  });
}

} // namespace skein::test
