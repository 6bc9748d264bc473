// What a backlog and retention cost the SQLite journal.
//
//   start      N pending events, closed or as after a kill; then opening and recover()
//   retention  events accepted and finished in batches for so long, the upkeep between the commits
//   as
//              a node has it; without and with events that are old enough to go
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

/// Time goes on with the events, 100,000 a second. `retention`: what is older goes.
void measure_retention(const std::string& directory, std::size_t events, duration retention) {
  journal::open_options how = short_window();
  how.retention = retention;
  store filled{directory, how};
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
    store::clock += std::chrono::milliseconds{10};
    const double commit_began = seconds_now();
    filled.commit();
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
  const char* base = std::getenv("TMPDIR");
  std::string directory = std::string{base == nullptr ? "/tmp" : base} + "/ranges-bench-XXXXXX";
  if (::mkdtemp(directory.data()) == nullptr)
    die("making a directory for the files");
  if (what == "retention") {
    measure_retention(directory + "/none", events, std::chrono::hours{1'000});
    std::filesystem::remove_all(directory + "/none");
    measure_retention(directory + "/some", events, std::chrono::seconds{5});
  } else {
    measure_start(directory + "/start", events, what == "start");
  }
  std::filesystem::remove_all(directory);
}
