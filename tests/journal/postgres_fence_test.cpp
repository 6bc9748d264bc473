// Nobody commits to a shard that was taken from him: contenders that take each other's leases while
// commits stall inside their transactions, judged by the server's own order of commits.
#include "tests/journal/postgres_node.hpp"

#include <atomic>
#include <memory>
#include <random>
#include <thread>

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

namespace {

/// Every grant and every commit is noted with its transaction, and commits stall at random, in
/// their middle, on the server.
void watch(const postgres_schema& schema) {
  schema.run(
      "CREATE TABLE grants (shard integer, epoch bigint, xid xid8 DEFAULT pg_current_xact_id());"
      "CREATE TABLE effects (shard integer, epoch bigint, xid xid8 DEFAULT pg_current_xact_id());"
      "CREATE FUNCTION note_grant() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
      "IF NEW.epoch <> OLD.epoch THEN INSERT INTO " +
      schema.name +
      ".grants (shard, epoch) VALUES (NEW.shard, NEW.epoch); END IF; RETURN NEW; END $$;"
      "CREATE TRIGGER note_grant BEFORE UPDATE ON fence FOR EACH ROW EXECUTE FUNCTION note_grant();"
      "CREATE FUNCTION stall() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
      "INSERT INTO " +
      schema.name +
      ".effects (shard, epoch) VALUES (NEW.shard, "
      "substring(encode(NEW.id, 'escape') FROM 'epoch-([0-9]+)')::bigint); "
      "PERFORM pg_sleep(random() * random() * 0.15); RETURN NEW; END $$;"
      "CREATE TRIGGER stall BEFORE INSERT ON event FOR EACH ROW EXECUTE FUNCTION stall();");
}

/// One of them, made before the others run: assertions are of one thread.
class contender {
 public:
  contender(postgres_nodes& nodes, int number, const std::vector<std::string>& keys)
    : node_{nodes, "n" + std::to_string(number)}, random_{static_cast<std::uint64_t>(number)},
      name_{"n" + std::to_string(number)} {
    for (const std::string& key : keys)
      models_.push_back(node_.accept({.id = "model", .key = key, .agents = {}}));
  }

  /// Takes one of the shards again and again, and commits events that name its epoch.
  void run(const std::atomic<bool>& ending, std::atomic<int>& applied, std::atomic<int>& fenced) {
    while (!ending) {
      const accept_op& model = models_[random_() % models_.size()];
      const auto taken = node_.leases().take(std::vector{model.event.shard}, 30ms);
      if (!taken || taken->empty() || !node_->adopt(held_of(*taken), [](const pending_event&) {}))
        continue;
      for (int turn = 0; turn < 3 && !ending; ++turn) {
        const std::vector<operation> batch{next(model, (*taken)[0].held.epoch)};
        const auto receipt = node_->commit(batch, node_.now);
        if (!receipt)
          return;
        ++(receipt->results[0].status == op_status::applied ? applied : fenced);
      }
    }
  }

 private:
  accept_op next(const accept_op& model, epoch_no epoch) {
    event value = *decode_event(model.event.body.view());
    value.id = name_ + "-" + std::to_string(++made_) + "-epoch-" + std::to_string(raw(epoch));
    accept_op op;
    op.epoch = epoch;
    op.event = *offer(value, node_->identity().hash, {}, node_.now);
    return op;
  }

  shared_node node_;
  std::mt19937_64 random_;
  std::string name_;
  std::vector<accept_op> models_;
  int made_ = 0;
};

} // namespace

TEST_CASE("of contenders that stall inside their commits none commits to a shard it has lost") {
  SKEIN_NEEDS_POSTGRES;
  const postgres_schema schema;
  std::vector<std::string> keys{"a"};
  {
    const auto maker = must(open_postgres(schema.options("maker")));
    const auto hash = maker->identity().hash;
    for (int i = 0; keys.size() < 2; ++i)
      if (const std::string key = "b" + std::to_string(i);
          shard_of(key, hash) != shard_of("a", hash))
        keys.push_back(key);
  }
  watch(schema);
  std::atomic<bool> ending = false;
  std::atomic<int> applied = 0;
  std::atomic<int> fenced = 0;
  postgres_nodes nodes{schema.options()};
  std::vector<std::unique_ptr<contender>> contenders;
  for (int i = 0; i < 8; ++i)
    contenders.push_back(std::make_unique<contender>(nodes, i, keys));
  std::vector<std::thread> threads;
  for (const auto& each : contenders)
    threads.emplace_back([&, one = each.get()] { one->run(ending, applied, fenced); });
  const auto until = std::chrono::steady_clock::now() + 60s;
  while ((applied < 200 || fenced < 40) && std::chrono::steady_clock::now() < until)
    std::this_thread::yield();
  ending = true;
  for (std::thread& each : threads)
    each.join();
  const std::string stale = schema.run(
      "SELECT count(*) FROM effects e JOIN grants g ON g.shard = e.shard AND g.epoch > e.epoch "
      "AND pg_xact_commit_timestamp(g.xid::xid) < pg_xact_commit_timestamp(e.xid::xid)");
  INFO("applied " << applied << ", fenced " << fenced << ", grants "
                  << schema.run("SELECT count(*) FROM grants"));
  CHECK(stale == "0");
  CHECK(applied >= 200);
  CHECK(fenced >= 40);
  CHECK(schema.run("SELECT count(*) FROM event") == std::to_string(applied));
  CHECK(schema.run("SELECT sum(totals[1]) FROM fence") == std::to_string(applied));
}

TEST_CASE("an owner that stands still inside a commit holds its shards up for a bounded time") {
  SKEIN_NEEDS_POSTGRES;
  const postgres_schema schema;
  auto options = schema.options();
  options.idle_in_transaction = 300ms;
  postgres_nodes nodes{options};
  shared_node a{nodes, "a"};
  a.take_all();
  a.add({.id = "1"});
  // What a process that was stopped leaves behind: its locks, in a session that says nothing.
  std::thread frozen{[&] {
    postgres_server::shared().try_run(
        "SET idle_in_transaction_session_timeout TO 300; SET search_path TO " + schema.name +
        "; BEGIN; SELECT 1 FROM fence FOR NO KEY UPDATE; SELECT pg_sleep(0.2); COMMIT");
  }};
  schema.run("UPDATE lease SET until = '-infinity'");
  shared_node b{nodes, "b"};
  CHECK(b.take_all().size() == 1);
  frozen.join();
  CHECK(a.one(a.accept({.id = "2"})).status == op_status::fenced);
}
