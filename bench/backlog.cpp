// bench/backlog: many events wait while their agent takes no turns; then the node is killed and
// started again, and the agent takes them all.
//
//   backlog [--events N] [--payload B] [--keys K] [--loops L] [--window W] [--batch B] [--json]
//
//   publish  events accepted while one program holds the only turn and never answers
//   start    after a kill; the agent is held again
//   drain    after another kill; now the agent answers at once
//   empty    the same agent on a fresh store, where nothing waits: what the drain is held against
//
// Each part is a process of its own, so that its memory is its own.
#include "bench/child.hpp"
#include "bench/load.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace {

using namespace skein;
using namespace skein::bench;
using steady = std::chrono::steady_clock;

constexpr std::size_t empty_events_max = 1'000'000;

// ---- the parts, in processes of their own -----------------------------------------------------

void drain(const plan& of) {
  const auto opened = steady::now();
  const auto node = start_part(of, noop_agent());
  const double start_seconds = seconds_since(opened);
  const auto begin = steady::now();
  const auto before = status_of(node->api());
  const auto after = must(await_all_done(node->api()));
  const double seconds = seconds_since(begin);
  const auto pending = before["ledger"]["pending"].get<double>();
  tell({{"start_seconds", start_seconds},
        {"seconds", seconds},
        {"pending", pending},
        {"per_s", pending / seconds},
        {"done", after["ledger"]["done"]}});
}

void empty(const plan& of) {
  const auto node = start_part(of, noop_agent());
  const auto begin = steady::now();
  const std::size_t refused = publish_windowed(node->api(), of);
  const double publish_seconds = seconds_since(begin);
  static_cast<void>(must(await_all_done(node->api())));
  const double seconds = seconds_since(begin);
  const auto events = static_cast<double>(of.events);
  tell({{"seconds", seconds},
        {"refused", refused},
        {"publish_per_s", events / publish_seconds},
        {"per_s", events / seconds}});
}

// ---- all of it --------------------------------------------------------------------------------

nlohmann::json measure(const plan& of) {
  nlohmann::json figures{{"bench", "backlog"}, {"events", of.events}};
  const own_folder held;
  figures["publish"] = run_part(of, "publish", held);
  figures["bytes_per_event"] = static_cast<double>(held.bytes()) / static_cast<double>(of.events);
  figures["start"] = run_part(of, "start", held);
  figures["drain"] = run_part(of, "drain", held);
  const own_folder fresh;
  plan small = of;
  small.events = std::min(of.events, empty_events_max);
  figures["empty"] = run_part(small, "empty", fresh);
  figures["drain_of_empty"] =
      figures["drain"]["per_s"].get<double>() / figures["empty"]["per_s"].get<double>();
  return figures;
}

void print_table(const nlohmann::json& of) {
  const auto number = [](const nlohmann::json& value) { return value.get<double>(); };
  const auto row = [&](const char* part, double seconds, double rate) {
    std::printf("%-8s %10.2f %10.0f %12.0f\n", part, seconds, rate,
                number(of[part]["rss_peak"]) / 1e6);
  };
  std::printf("%-8s %10s %10s %12s\n", "", "s", "events/s", "memory, MB");
  row("publish", number(of["publish"]["seconds"]), number(of["publish"]["per_s"]));
  row("start", number(of["start"]["seconds"]), 0);
  row("drain", number(of["drain"]["seconds"]), number(of["drain"]["per_s"]));
  row("empty", number(of["empty"]["seconds"]), number(of["empty"]["per_s"]));
  std::printf("the drain has %.2f of the rate without a backlog\n", number(of["drain_of_empty"]));
  std::printf("%.0f bytes on disk for an event of %.0f\n", number(of["bytes_per_event"]),
              number(of["publish"]["event_bytes"]));
}

} // namespace

int main(int argc, char** argv) {
  plan defaults;
  defaults.events = 10'000'000;
  return run_bench(
      read_plan(argc, argv, defaults),
      {{{"publish", publish_and_die}, {"start", start_and_die}, {"drain", drain}, {"empty", empty}},
       measure,
       print_table});
}
