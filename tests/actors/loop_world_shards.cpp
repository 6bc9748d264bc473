// loop_world: shards that come and go.
#include "tests/actors/loop_world.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

namespace skein::test {

void loop_world::adopt(const std::vector<shard_id>& shards, epoch_no epoch, bool unclean) {
  adopted_shards input{
      {}, now().wall, unclean, {}, *engine_->agents_with_state(), engine_->agent_names()};
  std::vector<std::pair<lane_place, journal::pending_event>> found;
  for (const shard_id each : shards) {
    REQUIRE(engine_->fence(each, epoch).ok());
    input.shards.push_back({each, epoch});
    adopted_[each] = epoch;
  }
  journal::event_filter pending;
  pending.state = delivery_state::pending;
  pending.limit = 1'000;
  const auto page = reader_->list(pending);
  REQUIRE(page.ok());
  for (const journal::event_record& each : page->events) {
    if (std::find(shards.begin(), shards.end(), each.event.shard) == shards.end())
      continue;
    journal::pending_event one{each.event, {}, 0, each.due > input.opened_at};
    for (std::size_t i = 0; i < each.deliveries.size(); ++i) {
      one.deliveries.add(each.deliveries[i].agent);
      if (!is_terminal(each.deliveries[i].state))
        one.live = static_cast<std::uint16_t>(one.live | 1u << i);
    }
    found.push_back({{std::max(each.accepted, each.due), each.event.sequence}, one});
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [place, each] : found)
    input.pending.push_back(each);
  step(std::move(input));
}

void loop_world::lose(const std::vector<shard_id>& shards) {
  lose_in input;
  for (const shard_id each : shards) {
    const auto later = adopted_.find(each);
    input.shards.push_back(
        {each, later != adopted_.end() ? later->second : epoch_no{engine_->identity().boot}});
  }
  step(std::move(input));
}

void loop_world::change(std::vector<agent_words> agents,
                        std::vector<std::pair<std::string, std::string>> routes) {
  std::vector<retry_settings> policies;
  loop_change_in input;
  for (const agent_words& each : agents)
    REQUIRE(engine_->agent_number(each.name).ok());
  for (const std::string& name : engine_->agent_names()) {
    const auto found = std::find_if(agents.begin(), agents.end(),
                                    [&](const agent_words& each) { return each.name == name; });
    input.agents.push_back({name, found != agents.end(), found != agents.end() && found->pure});
    retry_settings policy;
    policy.attempts = found == agents.end() ? 3 : found->attempts;
    policy.jitter = false;
    policies.push_back(policy);
  }
  input.routes.emplace();
  for (const auto& [type, agent] : routes)
    input.routes->push_back({type, "", "", *engine_->agent_number(agent)});
  settings_.agents = std::move(agents);
  settings_.routes = std::move(routes);
  ask_retry(policies_in{policies});
  for (const agent_words& each : settings_.agents)
    if (opened_.try_emplace(each.name, each.slots).second)
      hand_out(book_.on_credit({each.name, each.slots}));
  step(std::move(input));
}

void loop_world::perform(gave_up_effect& effect) {
  std::string line = "gave up";
  for (const shard_id each : effect.shards)
    line += " " + std::to_string(raw(each));
  tell(std::move(line));
}

void loop_world::perform(fenced_effect& effect) {
  tell("fenced " + std::to_string(raw(effect.shard)));
}

} // namespace skein::test
