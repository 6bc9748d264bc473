// What a backlog and retention cost the SQLite journal.
//
//   start      N pending events, closed or as after a kill; then opening and recover()
//   retention  events accepted and finished in batches for so long, the upkeep between the commits
//              as a node has it; without and with events that are old enough to go
#include "bench/journal_load.hpp"
#include "bench/load.hpp"
#include "nodes/bench/process_time.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace skein;
using namespace skein::bench;

constexpr std::size_t batch = 1'000;
constexpr std::chrono::milliseconds pause{10}; // of the store's time, from commit to commit

constexpr instant beginning = from_ns(1'700'000'000'000'000'000);

/// A window of a second: the identities of the backlog are another matter.
journal::open_options short_window(instant now) {
  journal::open_options how;
  how.now = now;
  how.dedupe_window = std::chrono::seconds{1};
  how.dedupe_entries_max = 100'000'000;
  return how;
}

void measure_start(const std::string& directory, std::size_t events, bool clean) {
  instant now = beginning;
  {
    journal_load filled{directory, short_window(now), batch};
    filled.recover();
    double upkeep_at = seconds_now();
    for (std::size_t i = 0; i < events; i += batch) {
      filled.add_accepts();
      filled.commit(pause);
      filled.forget();
      if (seconds_now() - upkeep_at > 1) {
        while (filled.upkeep())
          ;
        upkeep_at = seconds_now();
      }
    }
    const double close_began = seconds_now();
    if (clean && !filled.engine().close().ok())
      die("closing");
    std::printf("filled %zu, closed in %.3f s\n", events, seconds_now() - close_began);
    now = filled.now() + std::chrono::seconds{10};
  }
  const double began = seconds_now();
  const double cpu_began = cpu_now();
  journal_load opened{directory, short_window(now), batch};
  const double at_open = seconds_now();
  const std::size_t found = opened.recover();
  std::printf("start %s: open %.3f s, recover %.3f s (%zu pending), CPU %.3f s\n",
              clean ? "after close" : "after a kill", at_open - began, seconds_now() - at_open,
              found, cpu_now() - cpu_began);
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  std::printf("largest memory of the process %ld MiB\n", used.ru_maxrss / 1024);
}

/// Time goes on with the events, 100,000 a second. `retention`: what is older goes.
void measure_retention(const std::string& directory, std::size_t events, duration retention) {
  journal::open_options how = short_window(beginning);
  how.retention = retention;
  journal_load filled{directory, how, batch};
  filled.recover();
  std::vector<double> took;
  double longest_upkeep = 0;
  double in_upkeep = 0;
  double upkeep_at = 0;
  double rest = 0;
  bool more = false;
  const double began = seconds_now();
  const double cpu_began = cpu_now();
  for (std::size_t i = 0; i < events; i += batch) {
    filled.add_finishes();
    filled.add_accepts();
    const double commit_began = seconds_now();
    filled.commit(pause);
    const double now = seconds_now();
    took.push_back(now - commit_began);
    if (now - upkeep_at < (more ? rest : 1.0))
      continue;
    more = filled.upkeep();
    const double step = seconds_now() - now;
    rest = step * 4;
    upkeep_at = now;
    longest_upkeep = std::max(longest_upkeep, step);
    in_upkeep += step;
  }
  const double all = seconds_now() - began;
  std::sort(took.begin(), took.end());
  const auto facts = filled.engine().retention();
  std::printf(
      "retention %4.0f s: %.0f events/s, %.2f us CPU an event, commit p50 %.1f ms p99 %.1f ms "
      "max %.1f ms, upkeep %.1f %% of the time, longest %.1f ms; dropped %llu, used %llu "
      "MiB, free %llu MiB\n",
      std::chrono::duration<double>(retention).count(), static_cast<double>(events) / all,
      (cpu_now() - cpu_began) / static_cast<double>(events) * 1e6, took[took.size() / 2] * 1e3,
      took[took.size() * 99 / 100] * 1e3, took.back() * 1e3, in_upkeep / all * 100,
      longest_upkeep * 1e3, static_cast<unsigned long long>(facts.dropped_events),
      static_cast<unsigned long long>(facts.bytes_used >> 20),
      static_cast<unsigned long long>(facts.bytes_free >> 20));
}

} // namespace

int main(int argc, char** argv) {
  if (argc < 3)
    die("usage: ranges_bench start|kill|retention EVENTS; files go below $TMPDIR");
  const std::string_view what = argv[1];
  const std::size_t events = std::strtoull(argv[2], nullptr, 10);
  const own_folder folder;
  const std::string& directory = folder.path();
  if (what == "retention") {
    measure_retention(directory + "/none", events, std::chrono::hours{1'000});
    std::filesystem::remove_all(directory + "/none");
    measure_retention(directory + "/some", events, std::chrono::seconds{5});
  } else {
    measure_start(directory + "/start", events, what == "start");
  }
}
