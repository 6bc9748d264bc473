#include "nodes/bench/load_node.hpp"

#include "actors/api.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <poll.h>
#include <thread>

namespace skein::bench {

namespace {

constexpr int drain_ms_max = 30'000;
constexpr std::int64_t events_a_ms = 20'000;
constexpr std::chrono::milliseconds pause_min{1}, pause_max{500};

} // namespace

agent_settings noop_agent() {
  agent_settings agent;
  agent.name = "noop";
  agent.kind = agent_kind::noop;
  agent.pure = true;
  agent.concurrency = 4'096;
  return agent;
}

result<std::unique_ptr<load_node>> load_node::start(const std::string& data, std::uint32_t loops,
                                                    agent_settings agent, const keeping& kept) {
  node_options options;
  options.data_dir = data;
  options.http_port = 0;
  options.retention = kept.retention;
  options.dedupe_window = std::min(kept.dedupe_window, kept.retention);
  options.settings.loops = loops;
  options.settings.routes = {{"*", "", "", agent.name}};
  options.settings.agents = {std::move(agent)};
  auto started = node::start(options);
  if (!started)
    return started.error();
  return std::unique_ptr<load_node>{new load_node{*std::move(started)}};
}

load_node::~load_node() {
  node_->signal();
  pollfd ended{node_->ended_fd(), POLLIN, 0};
  poll(&ended, 1, drain_ms_max);
  node_->finish();
}

result<nlohmann::json> look_up(node_api& api, const std::string& operation,
                               const nlohmann::json& arguments) {
  std::mutex mutex;
  std::condition_variable ready;
  std::optional<api_answer> got;
  api.ask(operation, arguments.dump(), [&](api_answer answer) {
    const std::lock_guard lock{mutex};
    got = std::move(answer);
    ready.notify_one();
  });
  std::unique_lock lock{mutex};
  ready.wait(lock, [&] { return got.has_value(); });
  if (got->code != errc::none)
    return error{got->code, operation + ": " + got->body};
  return nlohmann::json::parse(got->body);
}

result<nlohmann::json> await_all_done(node_api& api) {
  while (true) {
    auto status = look_up(api, "status", nlohmann::json::object());
    if (!status)
      return status;
    const auto pending = (*status)["ledger"]["pending"].get<std::int64_t>();
    if (pending == 0)
      return status;
    const std::chrono::milliseconds pause{pending / events_a_ms};
    std::this_thread::sleep_for(std::clamp(pause, pause_min, pause_max));
  }
}

} // namespace skein::bench
