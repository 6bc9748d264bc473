// What a backlog and retention cost the SQLite journal.
//
//   start      N pending events, closed or as after a kill; then opening and recover()
//   retention  events accepted and finished in batches, the upkeep between the commits as a node
//   has
//              it; rounds of N events by turns in a store that keeps all, in one where as many
//              events are old enough to go as come in, and in one that is larger than it may be.
//              The middle round of each counts
#include "journal/journal.hpp"
#include "nodes/bench/process_time.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

namespace {

using namespace skein;
using bench::cpu_now;
using bench::seconds_now;

constexpr std::size_t batch = 1'000;
constexpr std::size_t keys = 1'000;
constexpr std::size_t body_bytes = 200;

[[noreturn]] void die(const std::string& why) {
  std::fprintf(stderr, "ranges_bench: %s\n", why.c_str());
  std::exit(1);
}

class store {
 public:
  store(const std::string& directory, journal::open_options how) {
    how.now = clock;
    how.seed = 1;
    auto opened = journal::open(directory, how);
    if (!opened)
      die(to_string(opened.error()));
    engine_ = std::move(*opened);
  }

  std::size_t recover() {
    std::size_t found = 0;
    if (auto done = engine_->recover([&](const journal::pending_event&) { ++found; }); !done)
      die(to_string(done.error()));
    agent_ = *engine_->agent_number("agent");
    return found;
  }
  void add_accepts() {
    if (models_.empty())
      make_models();
    for (std::size_t i = 0; i < batch; ++i, ++accepted_in_all_) {
      journal::accept_op op;
      op.epoch = epoch_no{engine_->identity().boot};
      op.event = models_[i % keys];
      op.event.identity.low += accepted_in_all_ * 0x9e3779b97f4a7c15ull;
      op.event.identity.high ^= accepted_in_all_;
      op.deliveries.add(agent_);
      operations_.emplace_back(std::move(op));
    }
  }
  void add_finishes() {
    for (const event_id event : pending_) {
      journal::finish_op op;
      op.epoch = epoch_no{engine_->identity().boot};
      op.delivery = {event, 0};
      op.agent = agent_;
      op.attempt = 1;
      op.started = op.finished = clock;
      operations_.emplace_back(std::move(op));
    }
    pending_.clear();
  }
  void commit() {
    const auto receipt = engine_->commit(operations_, clock);
    if (!receipt)
      die(to_string(receipt.error()));
    for (const auto& each : receipt->results)
      if (each.event)
        pending_.push_back(each.event);
    operations_.clear();
  }
  void forget_pending() { pending_.clear(); }
  bool upkeep() {
    const auto more = engine_->upkeep(clock);
    if (!more)
      die(to_string(more.error()));
    return *more;
  }
  journal::engine& engine() { return *engine_; }

  static inline instant clock = from_ns(1'700'000'000'000'000'000);

 private:
  void make_models() {
    for (std::size_t i = 0; i < keys; ++i) {
      event model;
      model.id = "event-" + std::to_string(i);
      model.source = "bench";
      model.type = "bench.event";
      model.subject = "key-" + std::to_string(i);
      model.kind = data_kind::text;
      model.datacontenttype = "text/plain";
      model.data.assign(body_bytes - 60, 'x');
      auto offered = offer(model, engine_->identity().hash, {}, clock);
      if (!offered)
        die(to_string(offered.error()));
      models_.push_back(std::move(*offered));
    }
  }

  std::unique_ptr<journal::engine> engine_;
  agent_no agent_{};
  std::vector<offered_event> models_;
  std::vector<journal::operation> operations_;
  std::vector<event_id> pending_;
  std::uint64_t accepted_in_all_ = 0;
};

/// A window of a second: the identities of the backlog are another matter.
journal::open_options short_window() {
  journal::open_options how;
  how.dedupe_window = std::chrono::seconds{1};
  how.dedupe_entries_max = 100'000'000;
  return how;
}

void measure_start(const std::string& directory, std::size_t events, bool clean) {
  {
    store filled{directory, short_window()};
    filled.recover();
    double upkeep_at = seconds_now();
    for (std::size_t i = 0; i < events; i += batch) {
      filled.add_accepts();
      store::clock += std::chrono::milliseconds{10};
      filled.commit();
      filled.forget_pending();
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
  }
  store::clock += std::chrono::seconds{10};
  const double began = seconds_now();
  const double cpu_began = cpu_now();
  store opened{directory, short_window()};
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
    : store_{directory, with(retention, bytes)} {
    store_.recover();
  }

  seen round(std::size_t events) {
    seen found;
    store::clock = clock_;
    const auto before = store_.engine().counters();
    const std::uint64_t dropped = store_.engine().retention().dropped_events;
    const double began = seconds_now();
    const double cpu_began = cpu_now();
    upkeep_at_ += began - ended_;
    for (std::size_t i = 0; i < events; i += batch) {
      store_.add_finishes();
      store_.add_accepts();
      store::clock += std::chrono::milliseconds{10};
      const double commit_began = seconds_now();
      store_.commit();
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
    clock_ = store::clock;
    return found;
  }
  journal::engine& engine() { return store_.engine(); }

 private:
  static journal::open_options with(duration retention, std::uint64_t bytes) {
    journal::open_options how = short_window();
    how.retention = retention;
    how.retention_bytes = bytes;
    return how;
  }

  instant clock_ = store::clock; // its own: a turn of the other store lets none of its events age
  store store_;
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
  const char* base = std::getenv("TMPDIR");
  std::string directory = std::string{base == nullptr ? "/tmp" : base} + "/ranges-bench-XXXXXX";
  if (::mkdtemp(directory.data()) == nullptr)
    die("making a directory for the files");
  if (what == "retention") {
    measure_retention(directory, events);
  } else {
    measure_start(directory + "/start", events, what == "start");
  }
  std::filesystem::remove_all(directory);
}
