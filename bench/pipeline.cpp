// bench/pipeline: publish with a window, a no-op or echo agent, and wait until every event is done on disk.
//
//   build/release/bench/pipeline [--events N] [--keys K] [--payload B] [--window W] [--batch B] [--loops L]
//                                [--agent noop|echo] [--data DIR] [--json]
//
// The producer is in the process but stands outside of the engine: what it offers goes through the gateway, the broker's
// sockets, the dedupe window and the journal, and the clock stops when the completions are on disk.
#include "actors/api.hpp"
#include "nodes/node.hpp"
#include "protocol/check.hpp"

#include <fmt/core.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

namespace {

using namespace skein;
using steady = std::chrono::steady_clock;

struct plan {
  std::size_t events = 1'000'000;
  std::size_t keys = 1'000;
  std::size_t payload = 200;
  std::size_t window = 8'192;
  std::size_t batch = 512;
  std::uint32_t loops = 2;
  std::string agent = "noop";
  std::string data = "/tmp/skein-bench-pipeline";
  bool json = false;
};

plan read_plan(int argc, char** argv) {
  plan made;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--json") {
      made.json = true;
      continue;
    }
    if (i + 1 >= argc) {
      fmt::print(stderr, "pipeline: {} needs a value\n", name);
      std::exit(2);
    }
    const std::string value = argv[++i];
    if (name == "--events") made.events = std::stoul(value);
    else if (name == "--keys") made.keys = std::stoul(value);
    else if (name == "--payload") made.payload = std::stoul(value);
    else if (name == "--window") made.window = std::stoul(value);
    else if (name == "--batch") made.batch = std::stoul(value);
    else if (name == "--loops") made.loops = static_cast<std::uint32_t>(std::stoul(value));
    else if (name == "--agent") made.agent = value;
    else if (name == "--data") made.data = value;
    else {
      fmt::print(stderr, "pipeline: unknown option {}\n", name);
      std::exit(2);
    }
  }
  return made;
}

/// Holds the producer at the window's edge.
class window {
 public:
  explicit window(std::size_t size) : left_{size} {}
  void take(std::size_t count) {
    std::unique_lock lock{mutex_};
    ready_.wait(lock, [&] { return left_ >= count; });
    left_ -= count;
  }
  void give(std::size_t count, std::size_t refused) {
    const std::lock_guard lock{mutex_};
    left_ += count;
    refused_ += refused;
    ready_.notify_one();
  }
  std::size_t refused() {
    const std::lock_guard lock{mutex_};
    return refused_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable ready_;
  std::size_t left_;
  std::size_t refused_ = 0;
};

nlohmann::json status_of(node_api& api) {
  std::mutex mutex;
  std::condition_variable ready;
  std::optional<std::string> body;
  api.ask("status", "{}", [&](api_answer answer) {
    const std::lock_guard lock{mutex};
    body = std::move(answer.body);
    ready.notify_one();
  });
  std::unique_lock lock{mutex};
  ready.wait(lock, [&] { return body.has_value(); });
  return nlohmann::json::parse(*body);
}

std::vector<offered_event> make_batch(node_api& api, const plan& of, std::size_t first, std::size_t count) {
  std::vector<offered_event> batch;
  batch.reserve(count);
  event each;
  each.source = "bench";
  each.type = "bench.event";
  each.kind = data_kind::text;
  each.datacontenttype = "text/plain";
  each.data.assign(of.payload, 'x');
  for (std::size_t i = first; i < first + count; ++i) {
    each.id = std::to_string(i);
    each.extensions.clear();
    each.set_extension("partitionkey", "key-" + std::to_string(i % of.keys));
    auto offered = offer(each, api.hash(), api.event_bounds(), api.now());
    SKEIN_CHECK(offered.ok());
    batch.push_back(*std::move(offered));
  }
  return batch;
}

void produce(node_api& api, const plan& of, window& edge) {
  for (std::size_t at = 0; at < of.events; at += of.batch) {
    const std::size_t count = std::min(of.batch, of.events - at);
    auto batch = make_batch(api, of, at, count);
    edge.take(count);
    api.publish(std::move(batch), [&edge, count](publish_reply reply) {
      std::size_t refused = 0;
      for (const publish_result& member : reply.members)
        refused += member.code == errc::none ? 0 : 1;
      edge.give(count, refused);
    });
  }
  edge.take(of.window);
}

} // namespace

int main(int argc, char** argv) {
  const plan of = read_plan(argc, argv);
  node_options options;
  options.data_dir = of.data;
  options.http_port = 0;
  options.settings.loops = of.loops;
  agent_settings agent;
  agent.name = of.agent;
  agent.kind = of.agent == "echo" ? agent_kind::echo : agent_kind::noop;
  agent.pure = true;
  agent.concurrency = 4'096;
  options.settings.agents = {agent};
  options.settings.routes = {{"*", "", "", of.agent}};
  auto started = node::start(options);
  if (!started) {
    fmt::print(stderr, "pipeline: {}\n", to_string(started.error()));
    return 1;
  }
  node& running = **started;
  node_api& api = running.api();
  const auto before = status_of(api);
  window edge{of.window};
  const auto begin = steady::now();
  produce(api, of, edge);
  const auto accepted_at = steady::now();
  nlohmann::json after;
  do {
    after = status_of(api);
  } while (after["ledger"]["pending"] != 0);
  const auto done_at = steady::now();
  const double publish_s = std::chrono::duration<double>(accepted_at - begin).count();
  const double all_s = std::chrono::duration<double>(done_at - begin).count();
  const auto store = [&](const char* name) { return after["store"][name].get<double>() - before["store"][name].get<double>(); };
  const nlohmann::json out{{"events", of.events},
                           {"refused", edge.refused()},
                           {"publish_per_s", static_cast<double>(of.events) / publish_s},
                           {"done_per_s", static_cast<double>(of.events) / all_s},
                           {"commits", store("commits")},
                           {"syncs", store("syncs")},
                           {"bytes_per_event", store("bytes_written") / static_cast<double>(of.events)},
                           {"done", after["ledger"]["done"].get<double>() - before["ledger"]["done"].get<double>()},
                           {"loops", after["loops"]}};
  fmt::print("{}\n", out.dump(of.json ? -1 : 2));
  running.signal();
  return 0;
}
