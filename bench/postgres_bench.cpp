// What a commit costs on PostgreSQL: events accepted and finished a second, beside what the server
// alone can do in the same run. The server is made for it, in a folder below $TMPDIR; every row is
// synced before it counts (synchronous_commit = on).
//
//   copy       COPY a batch into a table of three columns in one transaction, delete it in the next
//   unnest     the same by INSERT ... SELECT FROM unnest() of arrays
//   journal    accept a batch and finish the one before, in one commit
//   journal 2  accept a batch in one commit, finish it in the next
//
// CPU is this process's, without the server's.
#include "journal/postgres/postgres_options.hpp"
#include "protocol/event.hpp"
#include "tests/support/postgres_server.hpp"

#include <libpq-fe.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

namespace {

using namespace skein;

constexpr std::size_t keys = 1'000;
constexpr std::size_t body_bytes = 200;

[[noreturn]] void die(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(1);
}

template <class T>
T must(result<T> got) {
  if (!got)
    die(to_string(got.error()));
  return std::move(*got);
}

double cpu_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto of = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return of(used.ru_utime) + of(used.ru_stime);
}

class stopwatch {
 public:
  double cpu() const { return cpu_seconds() - cpu_; }
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun_).count();
  }

 private:
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  double cpu_ = cpu_seconds();
};

void tell(const char* what, std::size_t batch, std::size_t events, const stopwatch& watch) {
  const auto count = static_cast<double>(events);
  std::printf("%-10s %6zu %10zu %12.0f %12.2f\n", what, batch, events, count / watch.seconds(),
              watch.cpu() / count * 1e6);
  std::fflush(stdout);
}

// ---- the server alone
// ------------------------------------------------------------------------------

class bare {
 public:
  explicit bare(const std::string& url) : db_{PQconnectdb(url.c_str()), PQfinish} {
    run("SET client_min_messages TO error; DROP TABLE IF EXISTS bare; CREATE TABLE bare (no bigint "
        "PRIMARY KEY, key text NOT NULL, "
        "body text NOT NULL)");
  }

  void copy(std::size_t first, std::size_t count) {
    run("BEGIN");
    PQclear(PQexec(db_.get(), "COPY bare FROM STDIN"));
    std::string rows;
    for (std::size_t i = first; i < first + count; ++i)
      rows += std::to_string(i) + "\tkey-" + std::to_string(i % keys) + "\t" + body_ + "\n";
    PQputCopyData(db_.get(), rows.data(), static_cast<int>(rows.size()));
    PQputCopyEnd(db_.get(), nullptr);
    while (PGresult* each = PQgetResult(db_.get()))
      PQclear(each);
    run("COMMIT");
  }

  void unnest(std::size_t first, std::size_t count) {
    std::string numbers = "{", names = "{", bodies = "{";
    for (std::size_t i = first; i < first + count; ++i) {
      const char* comma = i == first ? "" : ",";
      numbers += comma + std::to_string(i);
      names += std::string{comma} + "key-" + std::to_string(i % keys);
      bodies += comma + body_;
    }
    numbers += '}', names += '}', bodies += '}';
    const char* values[] = {numbers.c_str(), names.c_str(), bodies.c_str()};
    check(PQexecParams(db_.get(),
                       "INSERT INTO bare SELECT * FROM unnest($1::bigint[], $2::text[], "
                       "$3::text[])",
                       3, nullptr, values, nullptr, nullptr, 0));
  }

  void erase(std::size_t first, std::size_t count) {
    run("DELETE FROM bare WHERE no >= " + std::to_string(first) + " AND no < " +
        std::to_string(first + count));
  }

 private:
  void run(const std::string& sql) { check(PQexec(db_.get(), sql.c_str())); }
  void check(PGresult* got) {
    const auto status = PQresultStatus(got);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
      die(PQerrorMessage(db_.get()));
    PQclear(got);
  }

  std::unique_ptr<PGconn, void (*)(PGconn*)> db_;
  std::string body_ = std::string(body_bytes, 'x');
};

void run_bare(const std::string& url, const char* what, std::size_t batch, double limit) {
  bare table{url};
  const bool copies = std::string_view{what} == "copy";
  std::size_t events = 0;
  const stopwatch watch;
  for (; watch.seconds() < limit; events += batch) {
    copies ? table.copy(events, batch) : table.unnest(events, batch);
    table.erase(events, batch);
  }
  tell(what, batch, events, watch);
}

// ---- the journal
// -----------------------------------------------------------------------------------

class load {
 public:
  load(const std::string& url, const std::string& schema) {
    journal::postgres_options options;
    options.url = url;
    options.schema = schema;
    options.who = {.node = "bench", .boot = "1", .address = {}, .zone = {}};
    options.single = true;
    options.store.now = now_;
    options.store.seed = 1;
    engine_ = must(journal::open_postgres(options));
    leases_ = must(journal::open_postgres_leases(options));
    std::vector<shard_id> all;
    for (std::uint32_t shard = 0; shard < 256; ++shard)
      all.push_back(shard_id{shard});
    const auto held = journal::held_of(must(leases_->take(all, std::chrono::hours{1})));
    epoch_ = held.at(0).epoch;
    if (auto done = engine_->adopt(held, [](const journal::pending_event&) {}); !done)
      die(to_string(done.error()));
    agent_ = must(engine_->agent_number("agent"));
    for (std::size_t i = 0; i < keys; ++i) {
      event model;
      model.id = "event-" + std::to_string(i);
      model.source = "bench";
      model.type = "bench.event";
      model.subject = "key-" + std::to_string(i);
      model.kind = data_kind::text;
      model.datacontenttype = "text/plain";
      model.data.assign(body_bytes - 60, 'x');
      models_.push_back(must(offer(model, engine_->identity().hash, {}, now_)));
    }
  }

  void accept(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i, ++made_) {
      journal::accept_op op;
      op.epoch = epoch_;
      op.event = models_[made_ % keys];
      op.event.identity.low += made_ * 0x9e3779b97f4a7c15ull;
      op.event.identity.high ^= made_ * 0xbf58476d1ce4e5b9ull;
      op.deliveries.add(agent_);
      operations_.emplace_back(std::move(op));
    }
  }
  void finish() {
    for (const event_id event : accepted_) {
      journal::finish_op op;
      op.epoch = epoch_;
      op.delivery = {event, 0};
      op.agent = agent_;
      op.attempt = 1;
      op.started = op.finished = now_;
      operations_.emplace_back(std::move(op));
    }
    accepted_.clear();
  }
  void commit() {
    now_ += std::chrono::milliseconds{1};
    const auto receipt = must(engine_->commit(operations_, now_));
    for (const auto& each : receipt.results) {
      if (each.status != journal::op_status::applied)
        die("an operation was refused");
      if (each.event)
        accepted_.push_back(each.event);
    }
    operations_.clear();
    if (++commits_ % 64 == 0)
      static_cast<void>(must(engine_->upkeep(now_)));
  }

 private:
  instant now_ = from_ns(1'700'000'000'000'000'000);
  std::unique_ptr<journal::engine> engine_;
  std::unique_ptr<journal::lease_store> leases_;
  epoch_no epoch_{};
  agent_no agent_{};
  std::vector<offered_event> models_;
  std::vector<journal::operation> operations_;
  std::vector<event_id> accepted_;
  std::size_t made_ = 0;
  std::size_t commits_ = 0;
};

void run_journal(const std::string& url, const std::string& schema, bool one_commit,
                 std::size_t batch, double limit) {
  load run{url, schema};
  std::size_t events = 0;
  const stopwatch watch;
  for (; watch.seconds() < limit; events += batch) {
    if (one_commit)
      run.finish();
    run.accept(batch);
    run.commit();
    if (one_commit)
      continue;
    run.finish();
    run.commit();
  }
  tell(one_commit ? "journal" : "journal 2", batch, events, watch);
}

void run_all(const std::string& url, const std::string& schemas, double limit) {
  int number = 0;
  std::printf("%-10s %6s %10s %12s %12s\n", "what", "batch", "events", "events/s", "us CPU/ev");
  for (const std::size_t batch : {std::size_t{512}, std::size_t{4'096}}) {
    run_bare(url, "copy", batch, limit);
    run_bare(url, "unnest", batch, limit);
    for (const bool one_commit : {true, false})
      run_journal(url, schemas + std::to_string(++number), one_commit, batch, limit);
  }
}

} // namespace

int main(int argc, char** argv) {
  double limit = 5;
  std::string url;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument.starts_with("--seconds="))
      limit = std::strtod(argv[i] + 10, nullptr);
    else if (argument.starts_with("--url="))
      url = argument.substr(6);
    else
      die("usage: postgres_bench [--seconds=N] [--url=URL of a server whose database may be "
          "filled]; "
          "without it a server's files go below $TMPDIR");
  }
  if (!url.empty()) {
    run_all(url, "bench_" + std::to_string(::getpid()) + "_", limit);
    return 0;
  }
  if (!test::postgres_server::is_installed())
    die("the PostgreSQL server's programs are not installed");
  const char* base = std::getenv("TMPDIR");
  test::postgres_server server{
      base == nullptr ? "/tmp" : base,
      {"shared_buffers=512MB", "max_wal_size=4GB", "autovacuum=on", "track_commit_timestamp=off"}};
  run_all(server.url(), "bench_", limit);
}
