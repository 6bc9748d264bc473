// What the journal costs: events accepted and finished a second, beside what the disk and SQLite
// alone can do in the same run. Every row syncs before it counts.
//
//   raw        write() a batch and fdatasync, to a file that grows
//   sqlite     insert a batch in one transaction, delete it in the next (a table of three columns)
//   journal    accept a batch and finish the one before, in one commit
//   journal 2  accept a batch in one commit, finish it in the next
//   shuffled   journal 2, finished in an arbitrary order, as turns of many lanes end
#include "journal/journal.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <random>
#include <string>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

namespace {

using namespace skein;

constexpr std::size_t body_bytes = 200;
constexpr std::size_t keys = 1'000;

struct figure {
  std::string what;
  std::size_t batch = 0;
  std::size_t events = 0;
  double seconds = 0;
  double cpu_seconds = 0;
  double syncs = -1; // an event
  double bytes = -1; // an event, written by the engine
  double slowest_ms = 0;
};

[[noreturn]] void die(const std::string& why) {
  std::fprintf(stderr, "journal_bench: %s\n", why.c_str());
  std::exit(1);
}

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double cpu_now() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& at) {
    return static_cast<double>(at.tv_sec) + static_cast<double>(at.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

/// Runs `step` (which handles one batch) until all events are through.
figure measure(std::string what, std::size_t batch, std::size_t events,
               const std::function<void(std::size_t first)>& step) {
  figure found{.what = std::move(what), .batch = batch, .events = events / batch * batch};
  const double begin = seconds_now();
  const double cpu_begin = cpu_now();
  double last = begin;
  for (std::size_t first = 0; first < found.events; first += batch) {
    step(first);
    const double now = seconds_now();
    found.slowest_ms = std::max(found.slowest_ms, (now - last) * 1e3);
    last = now;
  }
  found.seconds = last - begin;
  found.cpu_seconds = cpu_now() - cpu_begin;
  return found;
}

figure raw_log(const std::string& directory, std::size_t batch, std::size_t events) {
  const std::string path = directory + "/raw";
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0)
    die("opening " + path);
  const std::string bytes(batch * body_bytes, 'x');
  auto found = measure("raw", batch, events, [&](std::size_t) {
    if (::write(fd, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()) ||
        ::fdatasync(fd) != 0)
      die("writing " + path);
  });
  ::close(fd);
  found.syncs = 1.0 / static_cast<double>(batch);
  found.bytes = body_bytes;
  return found;
}

class plain_sqlite {
 public:
  explicit plain_sqlite(const std::string& path) {
    if (sqlite3_open(path.c_str(), &db_) != SQLITE_OK)
      die("opening " + path);
    run("PRAGMA journal_mode=WAL");
    run("PRAGMA synchronous=FULL");
    run("CREATE TABLE e(id INTEGER PRIMARY KEY, k INTEGER, p BLOB)");
    insert_ = prepare("INSERT INTO e VALUES(?, ?, ?)");
    remove_ = prepare("DELETE FROM e WHERE id = ?");
  }
  ~plain_sqlite() {
    sqlite3_finalize(insert_);
    sqlite3_finalize(remove_);
    sqlite3_close(db_);
  }
  plain_sqlite(const plain_sqlite&) = delete;
  plain_sqlite& operator=(const plain_sqlite&) = delete;

  void append(std::size_t first, std::size_t batch, const std::string& body) {
    run("BEGIN");
    for (std::size_t i = first; i < first + batch; ++i) {
      sqlite3_bind_int64(insert_, 1, static_cast<sqlite3_int64>(i));
      sqlite3_bind_int64(insert_, 2, static_cast<sqlite3_int64>(i % keys));
      sqlite3_bind_blob(insert_, 3, body.data(), static_cast<int>(body.size()), nullptr);
      step(insert_);
    }
    run("COMMIT");
  }
  void remove(std::size_t first, std::size_t batch) {
    run("BEGIN");
    for (std::size_t i = first; i < first + batch; ++i) {
      sqlite3_bind_int64(remove_, 1, static_cast<sqlite3_int64>(i));
      step(remove_);
    }
    run("COMMIT");
  }

 private:
  void run(const char* sql) {
    if (sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) != SQLITE_OK)
      die(sqlite3_errmsg(db_));
  }
  sqlite3_stmt* prepare(const char* sql) {
    sqlite3_stmt* made = nullptr;
    if (sqlite3_prepare_v2(db_, sql, -1, &made, nullptr) != SQLITE_OK)
      die(sqlite3_errmsg(db_));
    return made;
  }
  void step(sqlite3_stmt* which) {
    if (sqlite3_step(which) != SQLITE_DONE)
      die(sqlite3_errmsg(db_));
    sqlite3_reset(which);
  }

  sqlite3* db_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
  sqlite3_stmt* remove_ = nullptr;
};

figure sqlite_alone(const std::string& directory, std::size_t batch, std::size_t events) {
  plain_sqlite db{directory + "/plain.db"};
  const std::string body(body_bytes, 'x');
  return measure("sqlite", batch, events, [&](std::size_t first) {
    db.append(first, batch, body);
    db.remove(first, batch);
  });
}

class journal_run {
 public:
  journal_run(const std::string& directory, std::size_t batch) : batch_{batch} {
    auto opened = journal::open(directory, {.now = clock_, .seed = 1});
    if (!opened)
      die(to_string(opened.error()));
    engine_ = std::move(*opened);
    if (auto ready = engine_->recover([](const journal::pending_event&) {}); !ready)
      die(to_string(ready.error()));
    agent_ = *engine_->agent_number("agent");
  }

  /// The operations that accept events first..first+batch, as fast as may be: one encoded body a
  /// key, with the identity of each event of its own.
  void add_accepts(std::size_t first) {
    if (models_.empty())
      make_models();
    for (std::size_t i = first; i < first + batch_; ++i) {
      journal::accept_op op;
      op.epoch = epoch_no{engine_->identity().boot};
      op.event = models_[i % keys];
      op.event.identity.low += i * 0x9e3779b97f4a7c15ull;
      op.event.identity.high ^= i;
      op.deliveries.add(agent_);
      operations_.emplace_back(std::move(op));
    }
  }
  void shuffle() { std::shuffle(accepted_.begin(), accepted_.end(), random_); }
  void add_finishes() {
    for (const event_id event : accepted_) {
      journal::finish_op op;
      op.epoch = epoch_no{engine_->identity().boot};
      op.delivery = {event, 0};
      op.agent = agent_;
      op.attempt = 1;
      op.started = op.finished = clock_;
      operations_.emplace_back(std::move(op));
    }
    accepted_.clear();
  }
  void commit() {
    clock_ += std::chrono::milliseconds{1};
    const auto receipt = engine_->commit(operations_, clock_);
    if (!receipt)
      die(to_string(receipt.error()));
    for (const auto& each : receipt->results) {
      if (each.status != journal::op_status::applied)
        die("an operation was refused");
      if (each.event)
        accepted_.push_back(each.event);
    }
    operations_.clear();
  }

  const journal::engine& engine() const { return *engine_; }

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
      auto offered = offer(model, engine_->identity().hash, {}, clock_);
      if (!offered)
        die(to_string(offered.error()));
      models_.push_back(std::move(*offered));
    }
  }

  std::size_t batch_;
  instant clock_ = from_ns(1'700'000'000'000'000'000);
  std::unique_ptr<journal::engine> engine_;
  agent_no agent_{};
  std::vector<offered_event> models_;
  std::vector<journal::operation> operations_;
  std::vector<event_id> accepted_;
  std::mt19937_64 random_{1};
};

figure journal_alone(const std::string& url, const std::string& what, std::size_t batch,
                     std::size_t events, bool one_commit, bool shuffled = false) {
  journal_run run{url, batch};
  const auto before = run.engine().counters();
  auto found = measure(what, batch, events, [&](std::size_t first) {
    if (one_commit) {
      run.add_finishes();
      run.add_accepts(first);
      run.commit();
      return;
    }
    run.add_accepts(first);
    run.commit();
    if (shuffled)
      run.shuffle();
    run.add_finishes();
    run.commit();
  });
  const auto after = run.engine().counters();
  const auto count = static_cast<double>(found.events);
  found.syncs = static_cast<double>(after.syncs - before.syncs) / count;
  found.bytes = static_cast<double>(after.bytes_written - before.bytes_written) / count;
  return found;
}

void print_table(const std::vector<figure>& all) {
  std::printf("%-10s %7s %10s %12s %12s %12s %12s %11s\n", "what", "batch", "events", "events/s",
              "us CPU/ev", "syncs/ev", "bytes/ev", "slowest ms");
  for (const figure& each : all) {
    const auto count = static_cast<double>(each.events);
    std::printf("%-10s %7zu %10zu %12.0f %12.2f ", each.what.c_str(), each.batch, each.events,
                count / each.seconds, each.cpu_seconds / count * 1e6);
    if (each.bytes >= 0)
      std::printf("%12.5f %12.0f", each.syncs, each.bytes);
    else
      std::printf("%12s %12s", "-", "-");
    std::printf(" %11.1f\n", each.slowest_ms);
  }
}

void print_json(const std::vector<figure>& all) {
  std::printf("[");
  for (std::size_t i = 0; i < all.size(); ++i) {
    const figure& each = all[i];
    const auto count = static_cast<double>(each.events);
    std::printf("%s{\"what\":\"%s\",\"batch\":%zu,\"events\":%zu,\"events_per_s\":%.0f,"
                "\"cpu_us_per_event\":%.3f,\"syncs_per_event\":%.6f,\"bytes_per_event\":%.1f,"
                "\"slowest_ms\":%.2f}",
                i == 0 ? "" : ",\n ", each.what.c_str(), each.batch, each.events,
                count / each.seconds, each.cpu_seconds / count * 1e6, each.syncs, each.bytes,
                each.slowest_ms);
  }
  std::printf("]\n");
}

} // namespace

int main(int argc, char** argv) {
  bool json = false;
  std::size_t events = 1'000'000;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--json")
      json = true;
    else if (argument.starts_with("--events="))
      events = std::strtoull(argv[i] + 9, nullptr, 10);
    else
      die("usage: journal_bench [--json] [--events=N]; files go below $TMPDIR, not on a tmpfs");
  }
  const char* base = std::getenv("TMPDIR");
  std::string directory = std::string{base == nullptr ? "/tmp" : base} + "/journal-bench-XXXXXX";
  if (::mkdtemp(directory.data()) == nullptr)
    die("making a directory for the files");
  std::vector<figure> all;
  for (const std::size_t batch : {std::size_t{1}, std::size_t{64}, std::size_t{512},
                                  std::size_t{1'000}, std::size_t{4'000}}) {
    const std::size_t count = std::min(events, batch * 2'000); // small batches are slow
    const auto fresh = [&](const char* name) {
      return directory + "/" + name + std::to_string(batch);
    };
    all.push_back(raw_log(directory, batch, count));
    all.push_back(sqlite_alone(directory, batch, count));
    std::filesystem::remove(directory + "/plain.db");
    all.push_back(journal_alone(fresh("one"), "journal", batch, count, true));
    std::filesystem::remove_all(fresh("one"));
    all.push_back(journal_alone(fresh("two"), "journal 2", batch, count, false));
    std::filesystem::remove_all(fresh("two"));
    all.push_back(journal_alone(fresh("three"), "shuffled", batch, count, false, true));
    std::filesystem::remove_all(fresh("three"));
    all.push_back(journal_alone("memory:", "memory", batch, count, true));
  }
  std::filesystem::remove_all(directory);
  json ? print_json(all) : print_table(all);
}
