// What a backlog and retention cost the SQLite journal.
//
//   start      N pending events, closed or as after a kill; then opening and recover()
//   retention  events accepted and finished in batches, the upkeep between the commits as a node
//   has
//              it; rounds of N events by turns in a store that keeps all, in one where as many
//              events are old enough to go as come in, and in one that is larger than it may be.
//              The middle round of each counts
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

/// What a round saw, or all of them.
struct seen {
  double events_per_second = 0;
  double cpu_us = 0; // an event
  std::vector<double> commits;
  double longest_upkeep = 0;
  double in_upkeep = 0; // part of the time
  double dropped_per_second = 0;
  double bytes = 0; // written, an event
};

/// A store under load. Time goes on with the events, 100,000 a second.
class loaded {
 public:
  loaded(const std::string& directory, duration retention,
         std::uint64_t bytes = limits::retention_bytes)
    : store_{directory, with(retention, bytes), batch} {
    store_.recover();
  }

  seen round(std::size_t events) {
    seen found;
    const auto before = store_.engine().counters();
    const std::uint64_t dropped = store_.engine().retention().dropped_events;
    const double began = seconds_now();
    const double cpu_began = cpu_now();
    upkeep_at_ += began - ended_;
    for (std::size_t i = 0; i < events; i += batch) {
      store_.add_finishes();
      store_.add_accepts();
      const double commit_began = seconds_now();
      store_.commit(pause);
      const double now = seconds_now();
      found.commits.push_back(now - commit_began);
      if (now - upkeep_at_ < (more_ ? rest_ : 1.0))
        continue;
      more_ = store_.upkeep();
      const double step = seconds_now() - now;
      rest_ = step * 4;
      upkeep_at_ = now;
      found.longest_upkeep = std::max(found.longest_upkeep, step);
      found.in_upkeep += step;
    }
    ended_ = seconds_now();
    const double all = ended_ - began;
    found.in_upkeep /= all;
    const auto count = static_cast<double>(events);
    found.events_per_second = count / all;
    found.cpu_us = (cpu_now() - cpu_began) / count * 1e6;
    const auto since = [](std::uint64_t now, std::uint64_t then) {
      return static_cast<double>(now - then);
    };
    found.dropped_per_second = since(store_.engine().retention().dropped_events, dropped) / all;
    found.bytes = since(store_.engine().counters().bytes_written, before.bytes_written) / count;
    return found;
  }
  journal::engine& engine() { return store_.engine(); }

 private:
  static journal::open_options with(duration retention, std::uint64_t bytes) {
    journal::open_options how = short_window(beginning);
    how.retention = retention;
    how.retention_bytes = bytes;
    return how;
  }

  journal_load store_; // with a clock of its own: a round of another store lets none of it age
  // The upkeep goes by the time of the store's own rounds.
  double ended_ = seconds_now();
  double upkeep_at_ = ended_;
  double rest_ = 0;
  bool more_ = false;
};

double middle(std::vector<double> of) {
  std::sort(of.begin(), of.end());
  return of[of.size() / 2];
}

/// Returns the middle of events/s.
double print_rounds(const char* name, const std::vector<seen>& rounds) {
  const auto middle_of = [&](double seen::*which) {
    std::vector<double> all;
    for (const seen& each : rounds)
      all.push_back(each.*which);
    return middle(std::move(all));
  };
  std::vector<double> commits;
  double upkeep = 0;
  for (const seen& each : rounds) {
    commits.insert(commits.end(), each.commits.begin(), each.commits.end());
    upkeep = std::max(upkeep, each.longest_upkeep);
  }
  std::sort(commits.begin(), commits.end());
  std::printf("%s: %.0f events/s, %.2f us CPU and %.0f bytes written an event; commit p50 %.1f ms, "
              "p99 %.1f ms, longest %.1f ms; upkeep %.1f %% of the time, longest "
              "%.1f ms\n",
              name, middle_of(&seen::events_per_second), middle_of(&seen::cpu_us),
              middle_of(&seen::bytes), commits[commits.size() / 2] * 1e3,
              commits[commits.size() * 99 / 100] * 1e3, commits.back() * 1e3,
              middle_of(&seen::in_upkeep) * 100, upkeep * 1e3);
  return middle_of(&seen::events_per_second);
}

void print_dropping(const char* name, loaded& store, const std::vector<seen>& rounds,
                    const std::vector<seen>& without) {
  const double own = print_rounds(name, rounds);
  std::vector<double> dropped, ratios, kept;
  for (std::size_t i = 0; i < rounds.size(); ++i) {
    dropped.push_back(rounds[i].dropped_per_second);
    kept.push_back(without[i].events_per_second);
    ratios.push_back(rounds[i].events_per_second / kept.back());
  }
  const auto facts = store.engine().retention();
  std::printf("  ratio %.3f, of the rounds by themselves %.3f; %.0f events/s dropped; longest step "
              "%.1f ms; the oldest commit is %.1f s old; used %llu MiB, free %llu MiB\n",
              own / middle(kept), middle(ratios), middle(dropped),
              std::chrono::duration<double, std::milli>(facts.longest_step).count(),
              std::chrono::duration<double>(store.engine().last_commit_at() - facts.oldest).count(),
              static_cast<unsigned long long>(facts.bytes_used >> 20),
              static_cast<unsigned long long>(facts.bytes_free >> 20));
}

void measure_retention(const std::string& directory, std::size_t events) {
  constexpr std::size_t rounds = 15;
  constexpr std::chrono::seconds retention{5};
  loaded all{directory + "/all", std::chrono::hours{1'000}};
  loaded some{directory + "/some", retention};
  loaded large{directory + "/large", retention, 1};
  const std::size_t first = 100'000 * static_cast<std::size_t>(retention.count());
  for (loaded* each : {&all, &some, &large})
    each->round(first + events); // until as many go as come in
  std::vector<seen> kept, normal, hurried;
  for (std::size_t i = 0; i < rounds; ++i) {
    kept.push_back(all.round(events));
    normal.push_back(some.round(events));
    hurried.push_back(large.round(events));
  }
  print_rounds("all is kept", kept);
  print_dropping("old events go", some, normal, kept);
  print_dropping("far behind", large, hurried, kept);
}

} // namespace

int main(int argc, char** argv) {
  if (argc < 3)
    die("usage: ranges_bench start|kill|retention EVENTS (of a round); files go below $TMPDIR");
  const std::string_view what = argv[1];
  const std::size_t events = std::strtoull(argv[2], nullptr, 10);
  const own_folder folder;
  const std::string& directory = folder.path();
  if (what == "retention") {
    measure_retention(directory, events);
  } else {
    measure_start(directory + "/start", events, what == "start");
  }
}
