// bench/latency: from the call of publish to the start of the turn, at a fixed rate, events sent
// singly. The commit is in it: an event's turn starts only after the event is on disk.
//
//   latency [--rate R] [--events N] [--agent noop|echo] [--keys K] [--payload B] [--loops L]
//   [--json]
//
// The first two seconds are a warm-up and not counted. Starts are what the agent's pool recorded,
// read back by look-up.
#include "bench/load.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>

namespace {

using namespace skein;
using namespace skein::bench;

struct sent {
  instant at;
  event_id event;
};

double ms(duration value) { return std::chrono::duration<double, std::milli>(value).count(); }

/// Publishes one event at each instant of the plan, late ones at once.
std::vector<sent> publish_all(node_api& api, const plan& of) {
  std::vector<sent> all(of.events);
  window open{of.events};
  const auto begin = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < of.events; ++i) {
    std::this_thread::sleep_until(begin + std::chrono::nanoseconds{1'000'000'000 / of.rate} * i);
    auto one = make_batch(api, of, i, 1);
    open.take(1);
    all[i].at = api.now();
    api.publish(std::move(one), [&all, &open, i](publish_reply reply) {
      if (reply.code == errc::none)
        all[i].event = reply.members.front().event;
      open.give(1, reply.code == errc::none ? 0 : 1);
    });
  }
  open.take(of.events);
  return all;
}

} // namespace

int main(int argc, char** argv) {
  plan of = read_plan(argc, argv);
  if (of.events == plan{}.events)
    of.events = of.rate * 12;
  bench_node node{of};
  node_api& api = node.api();
  const auto all = publish_all(api, of);
  while (look_up(api, "status", nlohmann::json::object())["ledger"]["pending"] != 0) {}
  std::vector<double> latencies;
  for (std::size_t i = std::min(of.events / 2, of.rate * 2); i < all.size(); ++i) {
    const auto view = look_up(api, "event.describe", {{"event", to_string(all[i].event)}});
    const auto started = parse_rfc3339(view["deliveries"][0]["started"].get<std::string>());
    latencies.push_back(ms(*started - all[i].at));
  }
  std::sort(latencies.begin(), latencies.end());
  const auto at = [&](double part) {
    return latencies[static_cast<std::size_t>(part * static_cast<double>(latencies.size() - 1))];
  };
  const nlohmann::json figures{{"bench", "latency"},         {"rate", of.rate},
                               {"events", latencies.size()}, {"p50_ms", at(0.5)},
                               {"p99_ms", at(0.99)},         {"p999_ms", at(0.999)},
                               {"max_ms", at(1.0)}};
  std::printf("%s\n", figures.dump(of.json ? -1 : 2).c_str());
}
