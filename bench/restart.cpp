// bench/restart: how long a node takes until it serves, with so many events pending.
//
//   restart [--events MOST] [--payload B] [--keys K] [--loops L] [--json]
//
// One store grows to 0, 100,000, 1,000,000 ... MOST (10,000,000) pending events. At each of them
// the node is killed and started, stopped in order, and started again. The agent takes no turns
// meanwhile. The time is from the call to the node that serves; each start is a process of its own,
// and the page cache is warm.
#include "bench/child.hpp"
#include "bench/load.hpp"

#include <cstdio>

namespace {

using namespace skein;
using namespace skein::bench;

/// The next start finds a store that was closed.
void start_and_stop(const plan& of) { start_and_tell(of, held_agent()); }

nlohmann::json measure(const plan& of) {
  const own_folder folder;
  nlohmann::json rows = nlohmann::json::array();
  plan grows = of;
  std::size_t there = 0;
  for (const std::size_t pending : {0ul, 100'000ul, 1'000'000ul, 10'000'000ul}) {
    if (pending > of.events)
      break;
    grows.first = there;
    grows.events = pending - there;
    run_part(grows, "publish", folder);
    there = pending;
    const auto killed = run_part(grows, "start and stop", folder);
    const auto clean = run_part(grows, "start and die", folder);
    rows.push_back({{"pending", clean["pending"]}, {"killed", killed}, {"clean", clean}});
  }
  return {{"bench", "restart"}, {"rows", rows}};
}

void print_table(const nlohmann::json& of) {
  std::printf("%12s %14s %14s %14s\n", "pending", "after kill, s", "after stop, s", "memory, MB");
  for (const auto& row : of["rows"])
    std::printf("%12zu %14.3f %14.3f %14.0f\n", row["pending"].get<std::size_t>(),
                row["killed"]["seconds"].get<double>(), row["clean"]["seconds"].get<double>(),
                row["killed"]["rss_peak"].get<double>() / 1e6);
}

} // namespace

int main(int argc, char** argv) {
  plan defaults;
  defaults.events = 10'000'000;
  return run_bench(read_plan(argc, argv, defaults), {{{"publish", publish_and_die},
                                                      {"start and stop", start_and_stop},
                                                      {"start and die", start_and_die}},
                                                     measure,
                                                     print_table});
}
