#include "nodes/node_reload.hpp"

#include "actors/engine.hpp"
#include "nodes/agents/agent_runners.hpp"
#include "nodes/config/node_options.hpp"
#include "nodes/logging/logging.hpp"

#include <chrono>
#include <future>
#include <memory>

namespace skein {

namespace {

/// The store gives new agents their numbers between two commits.
constexpr std::chrono::seconds store_answers_within{10};
constexpr std::chrono::milliseconds look_again{50};

result<void> prepare(const settings_change& to, const reload_parts& of) {
  const auto answered = std::make_shared<std::promise<result<void>>>();
  auto prepared = answered->get_future();
  of.actors.prepare_change(to,
                           [answered](result<void> done) { answered->set_value(std::move(done)); });
  const auto until = std::chrono::steady_clock::now() + store_answers_within;
  while (prepared.wait_for(look_again) != std::future_status::ready) {
    if (of.ends.load())
      return error{errc::draining, "the node is shutting down"};
    if (std::chrono::steady_clock::now() >= until)
      return error{errc::timed_out, "the store did not answer in time; nothing was changed"};
  }
  return prepared.get();
}

} // namespace

/// The programs first: what starts once the engine has changed finds them. They end last.
result<void> take_over(const loaded_config& to, const reload_parts& of) {
  settings_change change{to.config.agents, to.config.routes, to.config.jobs,
                         of.options.log_level_given ? log_enabled(log_level::debug)
                                                    : to.config.log.level <= log_level::debug};
  if (auto prepared = prepare(change, of); !prepared)
    return prepared;
  auto runners = of.programs.follow(to.config.agents);
  if (!runners)
    return runners.error();
  if (auto changed = of.actors.change(std::move(change), *runners); !changed)
    return changed;
  of.programs.let_go_but(to.config.agents);
  if (!of.options.log_level_given)
    set_log_level(to.config.log.level);
  return {};
}

} // namespace skein
