// What a look-up costs in a large journal: fills a store, then looks events up by id, by key, by
// time and by state, from the page cache and from the disk (a new connection, and the kernel told
// to forget the file, before each look-up).
#include "journal/journal.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <random>
#include <string>
#include <unistd.h>
#include <vector>

namespace {

using namespace skein;
using namespace std::chrono_literals;

constexpr std::size_t data_bytes = 140;
constexpr std::size_t batch = 2'000;
constexpr std::uint64_t rare_keys = 1'000'000;
constexpr std::uint64_t frequent_keys = 10; // one event of a hundred has one of them
constexpr std::uint64_t dead_every = 5'000;
constexpr std::uint64_t pending_every = 50'000;
const instant start = from_ns(1'700'000'000'000'000'000);

[[noreturn]] void die(const std::string& why) {
  std::fprintf(stderr, "lookup: %s\n", why.c_str());
  std::exit(1);
}

template <class T>
T must(result<T> got) {
  if (!got)
    die(to_string(got.error()));
  return std::move(*got);
}

double ms_since(std::chrono::steady_clock::time_point began) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began)
      .count();
}

/// Of this thread, without waiting for the disk or for others.
double cpu_ms() {
  timespec used{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) * 1e3 + static_cast<double>(used.tv_nsec) / 1e6;
}

struct figure {
  std::string what;
  std::vector<double> ms{};
  std::size_t rows = 0;
  std::size_t spent = 0; // stopped at the scan budget

  double at(double part) {
    std::sort(ms.begin(), ms.end());
    return ms[std::min(ms.size() - 1,
                       static_cast<std::size_t>(part * static_cast<double>(ms.size())))];
  }
};

struct filling {
  std::uint64_t events = 0;
  double seconds = 0;
  double slowest_commit_ms = 0;
  double slowest_upkeep_ms = 0;
  double slowest_upkeep_cpu_ms = 0;
  double upkeep_cpu_seconds = 0;
  std::uint64_t index_steps_left = 0; // after the last commit
};

class store {
 public:
  explicit store(std::string directory) : directory_{std::move(directory)} {
    journal::open_options options;
    options.now = clock_;
    options.dedupe_window = 1s; // the window is not what is measured
    engine_ = must(journal::open(directory_, options));
    if (auto ready = engine_->recover([](const journal::pending_event&) {}); !ready)
      die(to_string(ready.error()));
    agent_ = must(engine_->agent_number("bench"));
    model_.source = "bench";
    model_.type = "bench.event";
    model_.kind = data_kind::text;
    model_.datacontenttype = "text/plain";
    model_.data.assign(data_bytes, 'x');
    events_ = must(engine_->events_ledger()).accepted; // of an earlier run
    clock_ = std::max(clock_, engine_->last_commit_at());
  }

  static std::string id_of(std::uint64_t event) { return "event-" + std::to_string(event); }
  static std::string rare(std::uint64_t key) { return "customer-" + std::to_string(key); }
  static std::string frequent(std::uint64_t key) { return "hot-" + std::to_string(key); }

  filling fill(std::uint64_t bytes) {
    filling done;
    const auto began = std::chrono::steady_clock::now();
    for (std::uint64_t step = 0; step % 64 != 0 || size() < bytes; ++step) {
      add_batch();
      const auto at = std::chrono::steady_clock::now();
      commit();
      done.slowest_commit_ms = std::max(done.slowest_commit_ms, ms_since(at));
      if (step % 4 == 3)
        upkeep(done);
    }
    const auto filled = std::chrono::steady_clock::now();
    while (upkeep(done))
      ++done.index_steps_left;
    done.seconds = std::chrono::duration<double>(filled - began).count();
    done.events = events_;
    return done;
  }

  /// Makes the index of what another run left, if it must.
  filling index_only() {
    filling done;
    const auto began = std::chrono::steady_clock::now();
    while (upkeep(done))
      ++done.index_steps_left;
    done.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    done.events = events_;
    return done;
  }

  std::uint64_t size() const {
    return std::filesystem::file_size(file()) + std::filesystem::file_size(file() + "-wal");
  }
  std::string file() const { return directory_ + "/journal.db"; }
  std::uint64_t events() const { return events_; }
  instant now() const { return clock_; }
  std::unique_ptr<journal::reader> reader() { return must(engine_->new_reader()); }

 private:
  void add_batch() {
    operations_.clear();
    for (const event_id event : accepted_) {
      if (event.sequence % pending_every == 0)
        continue;
      journal::finish_op op;
      op.epoch = epoch_no{engine_->identity().boot};
      op.delivery = {event, 0};
      op.agent = agent_;
      op.attempt = 1;
      op.started = op.finished = clock_;
      if (event.sequence % dead_every == 0)
        op.state = op.event_state = delivery_state::dead;
      operations_.emplace_back(std::move(op));
    }
    accepted_.clear();
    for (std::size_t i = 0; i < batch; ++i) {
      model_.id = id_of(++events_);
      model_.set_extension(std::string{attribute::partitionkey},
                           events_ % 100 == 0 ? frequent(random_() % frequent_keys)
                                              : rare(random_() % rare_keys));
      journal::accept_op op;
      op.epoch = epoch_no{engine_->identity().boot};
      op.event = must(offer(model_, engine_->identity().hash, {}, clock_));
      op.deliveries.add(agent_);
      operations_.emplace_back(std::move(op));
    }
  }

  void commit() {
    clock_ += 20ms;
    const auto receipt = must(engine_->commit(operations_, clock_));
    for (const auto& each : receipt.results) {
      if (each.status != journal::op_status::applied)
        die("an operation was refused");
      if (each.event)
        accepted_.push_back(each.event);
    }
  }

  bool upkeep(filling& done) {
    const auto at = std::chrono::steady_clock::now();
    const double cpu_before = cpu_ms();
    const bool more = must(engine_->upkeep(clock_));
    const double cpu = cpu_ms() - cpu_before;
    done.slowest_upkeep_ms = std::max(done.slowest_upkeep_ms, ms_since(at));
    done.slowest_upkeep_cpu_ms = std::max(done.slowest_upkeep_cpu_ms, cpu);
    done.upkeep_cpu_seconds += cpu / 1e3;
    return more;
  }

  std::string directory_;
  instant clock_ = start;
  std::unique_ptr<journal::engine> engine_;
  agent_no agent_{};
  event model_;
  std::uint64_t events_ = 0;
  std::vector<journal::operation> operations_;
  std::vector<event_id> accepted_;
  std::mt19937_64 random_{1};
};

class lookups {
 public:
  lookups(store& of, std::size_t count) : store_{of}, count_{count} {}

  std::vector<figure> run() {
    const std::uint64_t events = store_.events();
    measure("id", [&](auto& filter) { filter.id = store::id_of(1 + random_() % events); });
    measure("id, absent", [&](auto& filter) { filter.id = store::id_of(events + 1 + random_()); });
    measure("key, rare", [&](auto& filter) { filter.key = store::rare(random_() % rare_keys); });
    measure("key, frequent",
            [&](auto& filter) { filter.key = store::frequent(random_() % frequent_keys); });
    measure("key, absent", [&](auto& filter) { filter.key = store::rare(rare_keys + random_()); });
    measure("time, a second", [&](auto& filter) {
      const auto length = static_cast<std::uint64_t>((store_.now() - start).count());
      filter.since = start + duration{static_cast<std::int64_t>(random_() % length)};
      filter.until = filter.since + 1s;
    });
    measure("state dead", [&](auto& filter) { filter.state = delivery_state::dead; });
    measure("state pending", [&](auto& filter) {
      filter.state = delivery_state::pending;
      filter.before = 1 + random_() % events;
    });
    measure("state pending, key", [&](auto& filter) {
      filter.state = delivery_state::pending;
      filter.key = store::frequent(random_() % frequent_keys);
    });
    return std::move(all_);
  }

 private:
  void measure(const std::string& what, const std::function<void(journal::event_filter&)>& ask) {
    for (const bool from_disk : {false, true}) {
      figure found{.what = what + (from_disk ? ", from disk" : "")};
      auto reader = store_.reader();
      for (std::size_t i = 0; i < count_; ++i) {
        journal::event_filter filter;
        ask(filter);
        if (from_disk) {
          reader = store_.reader();
          forget_file();
        }
        const auto began = std::chrono::steady_clock::now();
        const auto page = must(reader->list(filter));
        found.ms.push_back(ms_since(began));
        found.rows += page.events.size();
        found.spent += page.budget_spent ? 1 : 0;
      }
      all_.push_back(std::move(found));
    }
  }

  void forget_file() {
    for (const std::string& name : {store_.file(), store_.file() + "-wal"}) {
      const int fd = ::open(name.c_str(), O_RDONLY | O_CLOEXEC);
      if (fd < 0 || ::fdatasync(fd) != 0 || ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0)
        die("dropping the page cache of " + name);
      ::close(fd);
    }
  }

  store& store_;
  std::size_t count_;
  std::mt19937_64 random_{2};
  std::vector<figure> all_;
};

void print(const filling& filled, std::uint64_t bytes, std::vector<figure>& all, bool json) {
  const auto events = static_cast<double>(filled.events);
  std::printf(json ? "{\"events\":%llu,\"bytes\":%llu,\"events_per_s\":%.0f,"
                     "\"slowest_commit_ms\":%.1f,\"slowest_upkeep_ms\":%.1f,"
                     "\"slowest_upkeep_cpu_ms\":%.1f,\"upkeep_cpu_us_per_event\":%.3f,"
                     "\"index_steps_left\":%llu,\"lookups\":["
                   : "%llu events, %llu bytes, %.0f events/s; slowest commit %.1f ms, upkeep %.1f "
                     "ms (%.1f ms CPU), %.3f us CPU of upkeep an event; %llu steps of the index "
                     "left at the end\n",
              static_cast<unsigned long long>(filled.events),
              static_cast<unsigned long long>(bytes), events / filled.seconds,
              filled.slowest_commit_ms, filled.slowest_upkeep_ms, filled.slowest_upkeep_cpu_ms,
              filled.upkeep_cpu_seconds / events * 1e6,
              static_cast<unsigned long long>(filled.index_steps_left));
  if (!json)
    std::printf("%-26s %7s %9s %9s %9s %7s\n", "what", "rows", "p50 ms", "p99 ms", "max ms",
                "budget");
  for (figure& each : all) {
    const auto count = static_cast<double>(each.ms.size());
    std::printf(json ? "%s{\"what\":\"%s\",\"rows\":%.1f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,"
                       "\"max_ms\":%.3f,\"budget_spent\":%zu}"
                     : "%s%-26s %7.1f %9.3f %9.3f %9.3f %7zu\n",
                json && &each != all.data() ? ",\n " : "", each.what.c_str(),
                static_cast<double>(each.rows) / count, each.at(0.5), each.at(0.99), each.at(1.0),
                each.spent);
  }
  if (json)
    std::printf("]}\n");
}

} // namespace

int main(int argc, char** argv) {
  bool json = false;
  std::uint64_t bytes = 10'000'000'000;
  std::size_t count = 300;
  std::string kept;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--json")
      json = true;
    else if (argument.starts_with("--bytes="))
      bytes = std::strtoull(argv[i] + 8, nullptr, 10);
    else if (argument.starts_with("--count="))
      count = std::max<std::size_t>(1, std::strtoull(argv[i] + 8, nullptr, 10));
    else if (argument.starts_with("--store="))
      kept = argument.substr(8);
    else
      die("usage: lookup [--json] [--bytes=N] [--count=N] [--store=DIR]; files go below $TMPDIR, "
          "not on a tmpfs, and are removed; those of DIR stay, and are used again");
  }
  const char* base = std::getenv("TMPDIR");
  std::string directory = std::string{base == nullptr ? "/tmp" : base} + "/lookup-XXXXXX";
  if (kept.empty() && ::mkdtemp(directory.data()) == nullptr)
    die("making a directory for the files");
  {
    store made{kept.empty() ? directory + "/store" : kept};
    const filling filled = made.events() == 0 ? made.fill(bytes) : made.index_only();
    const std::uint64_t size = made.size();
    auto all = lookups{made, count}.run();
    print(filled, size, all, json);
  }
  if (kept.empty())
    std::filesystem::remove_all(directory);
  return 0;
}
