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

using namespace skein;
using namespace skein::bench;

int main(int argc, char** argv) {
  plan of = read_plan(argc, argv);
  if (of.events == plan{}.events)
    of.events = of.rate * 12;
  bench_node node{of};
  node_api& api = node.api();
  const auto all = publish_at_rate(api, of);
  static_cast<void>(must(await_all_done(api)));
  const auto latencies = start_latencies(api, all, std::min(of.events / 2, of.rate * 2));
  const auto at = [&](double part) { return quantile(latencies, part); };
  const nlohmann::json figures{{"bench", "latency"},         {"rate", of.rate},
                               {"events", latencies.size()}, {"p50_ms", at(0.5)},
                               {"p99_ms", at(0.99)},         {"p999_ms", at(0.999)},
                               {"max_ms", at(1.0)}};
  std::printf("%s\n", figures.dump(of.json ? -1 : 2).c_str());
}
