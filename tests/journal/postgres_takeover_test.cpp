// A takeover reads what was saved and the commits after that: it does well without the history.
#include "tests/journal/postgres_node.hpp"

#include <atomic>
#include <thread>

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

namespace {

/// The leases of whoever had them are over.
void end_leases(const postgres_schema& schema) {
  schema.run("UPDATE lease SET until = '-infinity'");
}

} // namespace

TEST_CASE("a takeover reads no history: what was saved, and the commits behind it") {
  SKEIN_NEEDS_POSTGRES;
  const postgres_schema schema;
  auto options = schema.options();
  options.dedupe_bucket = 8;
  postgres_nodes nodes{options};
  shared_node a{nodes, "a"};
  a.take_all();
  std::vector<event_id> left;
  event_id done;
  for (int i = 0; i < 600; ++i) {
    const event_id event =
        a.add({.id = std::to_string(i), .key = "k" + std::to_string(i % 5), .agents = {"bot"}});
    if (i % 50 == 7)
      left.push_back(event);
    else
      a.one(a.finish(first_of(done = event)));
  }
  must(a->upkeep(a.now));
  must(a->upkeep(a.now));
  CHECK(a->counters().dedupe_buckets > 50);
  // All that a takeover may not need: commits before what was saved, rows of what is over.
  schema.run("DELETE FROM commits WHERE xid <= (SELECT min(least(upto, identities)) FROM saved s "
             "WHERE shard IN (SELECT shard FROM event))");
  schema.run(
      "DELETE FROM event e WHERE EXISTS (SELECT 1 FROM outcome o WHERE o.shard = e.shard AND "
      "o.id = e.no * 16)");
  schema.run("DELETE FROM outcome");
  CHECK(schema.run("SELECT count(*) < 100 FROM commits") == "t");
  a.one(a.finish(first_of(left.back())));
  left.pop_back();
  left.push_back(a.add({.id = "new"}));
  end_leases(schema);
  shared_node b{nodes, "b"};
  auto found = b.take_all();
  std::sort(found.begin(), found.end(),
            [](const auto& x, const auto& y) { return x.event.sequence < y.event.sequence; });
  REQUIRE(found.size() == left.size());
  for (std::size_t i = 0; i < left.size(); ++i)
    CHECK(found[i].event == left[i]);
  for (const int i : {0, 7, 300, 599})
    CHECK(b.one(b.accept({.id = std::to_string(i), .key = "k" + std::to_string(i % 5)})).status ==
          op_status::duplicate);
  CHECK(must(b->events_ledger()).accepted == 601);
  CHECK(must(b->events_ledger()).balanced());
}

TEST_CASE("what was saved and is damaged is told, never used") {
  SKEIN_NEEDS_POSTGRES;
  const postgres_schema schema;
  postgres_nodes nodes{schema.options()};
  shared_node a{nodes, "a"};
  a.take_all();
  a.add({.id = "1"});
  must(a->upkeep(a.now));
  must(a->upkeep(a.now));
  schema.run("UPDATE pending_range SET marks = '\\x00'");
  end_leases(schema);
  shared_node b{nodes, "b"};
  const auto taken = held_of(must(b.leases().take(every_shard(256), 10s)));
  const auto adopted = b->adopt(taken, [](const pending_event&) {});
  REQUIRE_FALSE(adopted.ok());
  CHECK(adopted.error().code == errc::store_corrupt);
  CHECK(b.one(b.accept({.id = "2"})).status == op_status::fenced);
}

TEST_CASE("shards go to and fro, and nothing of theirs is lost or doubled") {
  SKEIN_NEEDS_POSTGRES;
  const postgres_schema schema;
  auto options = schema.options();
  options.dedupe_bucket = 4;
  postgres_nodes nodes{options};
  shared_node a{nodes, "a"};
  shared_node b{nodes, "b"};
  std::uint64_t accepted = 0;
  for (int round = 0; round < 8; ++round) {
    shared_node& node = round % 2 == 0 ? a : b;
    const auto found = node.take_all();
    CHECK(found.size() == static_cast<std::size_t>(round));
    for (const pending_event& each : found)
      CHECK(each.live == 1);
    for (int i = 0; i < 10; ++i) {
      const std::string id = std::to_string(round * 10 + i);
      const event_id event = node.add({.id = id, .key = "k" + std::to_string(i % 3)});
      if (i != 5)
        node.one(node.finish(first_of(event)));
      ++accepted;
    }
    for (int old = 0; old < round * 10; ++old)
      REQUIRE(node.one(node.accept(
                           {.id = std::to_string(old), .key = "k" + std::to_string(old % 10 % 3)}))
                  .status == op_status::duplicate);
    if (round % 3 == 0)
      must(node->upkeep(node.now));
    CHECK(must(node->events_ledger()) ==
          ledger{.accepted = accepted,
                 .done = accepted - static_cast<std::uint64_t>(round + 1),
                 .pending = static_cast<std::uint64_t>(round + 1)});
    if (round % 2 == 0)
      node.give_up(every_shard(256));
    else
      end_leases(schema);
  }
}

TEST_CASE("a commit that began first and ended last is told by the feed nevertheless, once") {
  SKEIN_NEEDS_POSTGRES;
  const postgres_schema schema;
  postgres_nodes nodes{schema.options()};
  shared_node slow{nodes, "slow"};
  shared_node quick{nodes, "quick"};
  slow.take(std::vector{shard_of("slow", slow->identity().hash)});
  quick.take_all();
  schema.run("CREATE TABLE gate (); CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ "
             "BEGIN IF NEW.key = 'slow' THEN LOCK TABLE " +
             schema.name +
             ".gate IN SHARE MODE; "
             "END IF; RETURN NEW; END $$; CREATE TRIGGER wait AFTER INSERT ON event FOR EACH ROW "
             "EXECUTE FUNCTION wait()");
  quick.add({.id = "0", .key = "k"});
  const std::vector<operation> held_up{slow.accept({.id = "1", .key = "slow", .agents = {}})};
  std::atomic<bool> done = false;
  std::thread late;
  std::vector<event_id> told;
  commit_no cursor{};
  const auto read_on = [&] {
    for (const auto& each : must(quick.reader().commits_after(cursor, 100)).commits) {
      cursor = each.commit;
      for (const feed_item& item : each.items)
        told.push_back(item.delivery.event);
    }
  };
  {
    std::thread gate{[&] {
      postgres_server::shared().try_run("SET search_path TO " + schema.name +
                                        "; BEGIN; LOCK TABLE gate IN EXCLUSIVE MODE; "
                                        "SELECT pg_sleep(0.5); COMMIT");
    }};
    while (schema.run("SELECT count(*) FROM pg_locks WHERE relation = 'gate'::regclass AND granted "
                      "AND mode = 'ExclusiveLock'") == "0")
      std::this_thread::yield();
    late = std::thread{[&] { done = slow->commit(held_up, slow.now).ok(); }};
    while (schema.run("SELECT count(*) FROM pg_locks WHERE relation = 'gate'::regclass AND NOT "
                      "granted") == "0")
      std::this_thread::yield();
    quick.add({.id = "2", .key = "k", .agents = {}});
    read_on(); // the slow one is under way
    gate.join();
  }
  late.join();
  CHECK(done);
  read_on();
  CHECK(told.size() == 3);
  std::sort(told.begin(), told.end());
  CHECK(std::adjacent_find(told.begin(), told.end()) == told.end());
}
