// bench/pipeline: publish with a window, let an agent run, and wait until every event is done on
// disk.
//
//   pipeline [--via inproc|http] [--agent noop|echo|exec --worker PROGRAM] [--events N] [--keys K]
//   [--payload B]
//            [--window W] [--batch B] [--connections C] [--loops L] [--data DIR]
//            [--retention SECONDS] [--dedupe SECONDS] [--json]
//
// The producers stand outside of the engine: what they offer goes through the gateway, the broker's
// sockets, the dedupe window and the journal, and the clock stops when the completions are on disk.
#include "bench/http_client.hpp"
#include "bench/load.hpp"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <thread>

namespace {

using namespace skein;
using namespace skein::bench;
using steady = std::chrono::steady_clock;

/// Each connection has one request under way; their number times the batch is the window.
std::size_t produce_http(std::uint16_t port, const plan& of) {
  std::atomic<std::size_t> next{0}, refused{0};
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < of.connections; ++i)
    threads.emplace_back([&] {
      http_client client{port};
      while (true) {
        const std::size_t first = next.fetch_add(of.batch);
        if (first >= of.events)
          return;
        const std::size_t count = std::min(of.batch, of.events - first);
        if (client.post_batch(json_batch(of, first, count)) != 202)
          refused.fetch_add(count);
      }
    });
  for (std::thread& each : threads)
    each.join();
  return refused;
}

double difference(const nlohmann::json& after, const nlohmann::json& before, const char* part,
                  const char* name) {
  return after[part][name].get<double>() - before[part][name].get<double>();
}

} // namespace

int main(int argc, char** argv) {
  const plan of = read_plan(argc, argv);
  bench_node node{of};
  node_api& api = node.api();
  const auto before = status_of(api);
  const auto begin = steady::now();
  const std::size_t refused =
      of.via == "http" ? produce_http(node.port(), of) : publish_windowed(api, of);
  const double publish_s = std::chrono::duration<double>(steady::now() - begin).count();
  const auto after = must(await_all_done(api));
  const double all_s = std::chrono::duration<double>(steady::now() - begin).count();
  const double events = static_cast<double>(of.events);
  const nlohmann::json figures{
      {"bench", "pipeline"},
      {"via", of.via},
      {"agent", of.agent},
      {"events", of.events},
      {"refused", refused},
      {"done", difference(after, before, "ledger", "done")},
      {"acknowledged_per_s", events / publish_s},
      {"done_per_s", events / all_s},
      {"commits", difference(after, before, "store", "commits")},
      {"syncs_per_event", difference(after, before, "store", "syncs") / events},
      {"written_bytes_per_event", difference(after, before, "store", "bytes_written") / events},
      {"dropped", difference(after, before, "retention", "dropped_events")},
      {"loops", after["loops"]}};
  std::printf("%s\n", figures.dump(of.json ? -1 : 2).c_str());
  return refused == 0 ? 0 : 1;
}
