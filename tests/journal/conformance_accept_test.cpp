// What every engine does with new events: identities, duplicates, numbers, the window, fences.
#include "tests/journal/store_fixture.hpp"

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

#define FOR_EACH_ENGINE_OF_ONE_PROCESS                                                             \
  const auto kind = GENERATE(from_range(engines_of_one_process()));                                \
  INFO(kind.name)
#define FOR_EACH_ENGINE                                                                            \
  const auto kind = GENERATE(from_range(all_engines()));                                           \
  INFO(kind.name)

TEST_CASE("an accepted event is found with all that was given") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  const accept_op op =
      store.accept({.id = "1", .key = "chat", .agents = {"bot", "log"}, .due = "+10s"});
  const commit_receipt receipt = store.commit({op});
  REQUIRE(receipt.results[0].status == op_status::applied);
  CHECK(receipt.at == store.now);
  CHECK(receipt.commit == store->last_commit());
  const auto found = store.find(receipt.results[0].event);
  REQUIRE(found);
  CHECK(found->event.shard == op.event.shard);
  CHECK(found->accepted == store.now);
  CHECK(found->due == store.now + 10s);
  CHECK(found->expires == no_instant);
  CHECK(found->priority == op.event.priority);
  CHECK(found->body == op.event.body);
  CHECK(found->state() == delivery_state::pending);
  REQUIRE(found->deliveries.size() == 2);
  CHECK(found->deliveries[0].agent == store.agent("bot"));
  CHECK(found->deliveries[1].agent == store.agent("log"));
}

TEST_CASE("a due time that counts from acceptance counts from the commit, not from the offer") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  const accept_op op = store.accept({.id = "1", .due = "+10s"});
  store.now += 3s;
  const commit_receipt receipt = store.commit({op});
  SECTION("in this process") {}
  SECTION("after a kill") { store.reopen(false); }
  const auto found = store.find(receipt.results[0].event);
  REQUIRE(found);
  CHECK(found->due == receipt.at + 10s);
}

TEST_CASE("the store knows the time of its last commit after a stop, whatever the clock says") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  store.add({.id = "1"});
  const instant last = store.now;
  CHECK(store->last_commit_at() == last);
  store.now -= 1h;
  SECTION("in order") { store.reopen(); }
  SECTION("by a kill") { store.reopen(false); }
  CHECK(store->last_commit_at() == last);
}

TEST_CASE("the first event after a start has a number that no event had before") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  const event_id last = store.add({.id = "last", .agents = {}}); // nothing pending tells of it
  SECTION("in order") { store.reopen(); }
  SECTION("by a kill") { store.reopen(false); }
  const std::uint64_t next = store.add({.id = "next"}).sequence;
  CHECK((store.is_shared() ? next > last.sequence : next == last.sequence + 1));
  CHECK(store.find(last));
}

TEST_CASE("the same identity with the same content names the same event") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  const event_id first = store.add({.id = "1"});
  const commit_no commit = store->last_commit();
  SECTION("in a later batch") {}
  SECTION("after a stop in order") { store.reopen(); }
  SECTION("after a kill") { store.reopen(false); }
  const op_result again = store.one(store.accept({.id = "1"}));
  CHECK(again.status == op_status::duplicate);
  CHECK(again.event == first);
  CHECK(store.events().accepted == 1);
  CHECK(store->last_commit() == commit); // nothing was written
}

TEST_CASE("what comes after its time is over is a duplicate of what came in time, or refused") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  accept_op op = store.accept({.id = "1", .agents = {"bot"}});
  op.event.expires = store.now + 10s;
  const event_id first = store.one(op).event;
  accept_op other = store.accept({.id = "2", .agents = {"bot"}});
  other.event.expires = op.event.expires;
  store.now += 10s;
  CHECK(store.one(op).status == op_status::duplicate);
  CHECK(store.one(op).event == first);
  CHECK(store.one(other).status == op_status::expired);
  CHECK(store.events().accepted == 1);
  other.event.expires += 1ns;
  CHECK(store.one(other).status == op_status::applied);
}

TEST_CASE("an earlier member of a batch is seen by a later one") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  const auto results = store
                           .commit({store.accept({.id = "1"}), store.accept({.id = "1"}),
                                    store.accept({.id = "1", .data = "other"})})
                           .results;
  CHECK(results[0].status == op_status::applied);
  CHECK(results[1].status == op_status::duplicate);
  CHECK(results[1].event == results[0].event);
  CHECK(results[2].status == op_status::conflict);
  CHECK(results[2].event == results[0].event);
  CHECK(store.events().accepted == 1);
}

TEST_CASE("the same identity with other content is a conflict that names the first") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  const event_id first = store.add({.id = "1"});
  if (GENERATE(false, true))
    store.reopen(false);
  const op_result other = store.one(store.accept({.id = "1", .data = "other"}));
  CHECK(other.status == op_status::conflict);
  CHECK(other.event == first);
  CHECK(store.find(first)->body == store.accept({.id = "1"}).event.body);
}

TEST_CASE("one refused operation does not touch the others of its batch") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  store.add({.id = "1"});
  const auto results =
      store
          .commit({store.accept({.id = "2"}), store.accept({.id = "1", .data = "other"}),
                   store.finish({{shard_id{3}, 999}, 0}), store.accept({.id = "3"})})
          .results;
  CHECK(results[0].status == op_status::applied);
  CHECK(results[1].status == op_status::conflict);
  CHECK(results[2].status == op_status::not_found);
  CHECK(results[3].status == op_status::applied);
  CHECK(store.events().accepted == 3);
}

TEST_CASE("sequences grow over the whole store, in commit order") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  std::uint64_t last = 0;
  for (int i = 0; i < 20; ++i) {
    const event_id event = store.add({.id = std::to_string(i), .key = "key" + std::to_string(i)});
    CHECK(event.sequence > last);
    last = event.sequence;
    if (i % 7 == 0)
      store.reopen(i % 2 == 0);
  }
}

TEST_CASE("the time of commits never goes back, over a restart neither") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  store.add({.id = "1"});
  const instant first = store.now;
  store.now -= 1h;
  if (GENERATE(false, true))
    store.reopen(false);
  const commit_receipt receipt = store.commit({store.accept({.id = "2"})});
  CHECK(receipt.at == first);
  CHECK(store.find(receipt.results[0].event)->accepted == first);
}

TEST_CASE("an event without deliveries is done at once") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  const event_id event = store.add({.id = "1", .agents = {}});
  CHECK(store.find(event)->state() == delivery_state::done);
  CHECK(store.events().done == 1);
  CHECK(store.events().pending == 0);
  CHECK(store.deliveries().accepted == 0);
  CHECK(store.reopen(false).empty());
  CHECK(store.events().balanced());
}

TEST_CASE("an identity is free again exactly when the window is over") {
  FOR_EACH_ENGINE;
  open_options options;
  options.dedupe_window = 60s;
  test_store store{kind, options};
  const event_id first = store.add({.id = "1"});
  store.now += 60s - 1ns;
  if (GENERATE(false, true))
    store.reopen(false);
  CHECK(store.one(store.accept({.id = "1"})).event == first);
  store.now += 1ns;
  SECTION("at once") {}
  SECTION("after a restart") { store.reopen(false); }
  SECTION("after upkeep") { must(store->upkeep(store.now)); }
  const op_result second = store.one(store.accept({.id = "1", .data = "other"}));
  REQUIRE(second.status == op_status::applied);
  CHECK(second.event.sequence > first.sequence);
  CHECK(store.one(store.accept({.id = "1", .data = "other"})).event == second.event);
}

TEST_CASE("a full window refuses and never shrinks; time makes room") {
  FOR_EACH_ENGINE;
  open_options options;
  options.dedupe_window = 60s;
  options.dedupe_entries_max = 3;
  test_store store{kind, options};
  const event_id first = store.add({.id = "1"});
  store.now += 1s;
  store.add({.id = "2"});
  store.add({.id = "3"});
  const op_result full = store.one(store.accept({.id = "4"}));
  CHECK(full.status == op_status::dedupe_full);
  CHECK(store.one(store.accept({.id = "1"})).event == first); // still known
  CHECK(store.events().accepted == 3);
  store.now += 59s;
  CHECK(store.one(store.accept({.id = "4"})).status == op_status::applied);
  CHECK(store.one(store.accept({.id = "2"})).status == op_status::duplicate);
  CHECK(store.one(store.accept({.id = "5"})).status == op_status::dedupe_full);
  CHECK(store->counters().dedupe_entries == 3);
}

TEST_CASE("an operation of another epoch than the shard's is fenced and changes nothing") {
  FOR_EACH_ENGINE_OF_ONE_PROCESS;
  test_store store{kind};
  const event_id event = store.add({.id = "1"});
  const accept_op late = store.accept({.id = "2", .key = "k"});
  finish_op late_finish = store.finish(first_of(event));
  attempt_op late_attempt = store.attempt(first_of(event), 1);
  start_op late_start = store.start(first_of(event));
  SECTION("after the shard was taken to a higher epoch") {
    must(store->fence(event.shard, epoch_no{99}));
    if (GENERATE(false, true))
      store.reopen(false);
  }
  SECTION("after a restart, whose boot number is every shard's least epoch") {
    const std::uint64_t before = store->identity().boot;
    store.reopen(GENERATE(false, true));
    CHECK(store->identity().boot == before + 1);
  }
  for (const operation& op :
       {operation{late}, operation{late_finish}, operation{late_attempt}, operation{late_start}})
    CHECK(store.one(op).status == op_status::fenced);
  CHECK(store.events().accepted == 1);
  CHECK(store.events().pending == 1);
}

TEST_CASE("fencing takes one shard up, never down") {
  FOR_EACH_ENGINE_OF_ONE_PROCESS;
  test_store store{kind};
  accept_op op = store.accept({.id = "1", .agents = {}});
  const shard_id shard = op.event.shard;
  must(store->fence(shard, epoch_no{7}));
  CHECK(store->fence(shard, epoch_no{6}).error().code == errc::fenced);
  must(store->fence(shard, epoch_no{7}));
  store.reopen(false);
  CHECK(store->fence(shard, epoch_no{6}).error().code == errc::fenced);
  op.epoch = epoch_no{7};
  CHECK(store.one(op).status == op_status::applied);
  accept_op other = store.accept({.id = "2", .key = "another"});
  REQUIRE(other.event.shard != shard);
  CHECK(store.one(other).status == op_status::applied); // its epoch is still the boot number
}

TEST_CASE("a node owns all shards at its boot number without fencing them") {
  FOR_EACH_ENGINE_OF_ONE_PROCESS;
  test_store store{kind};
  for (int i = 0; i < 3; ++i) {
    must(store->fence(shard_id{5}, epoch_no{store->identity().boot}));
    CHECK(store.add({.id = std::to_string(i)}).sequence != 0);
    store.reopen(i % 2 == 0);
  }
}

TEST_CASE("a batch at the limit of operations is taken whole") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  std::vector<operation> batch;
  for (std::size_t i = 0; i < limits::commit_operations_max; ++i)
    batch.emplace_back(store.accept({.id = std::to_string(i), .key = std::to_string(i % 50)}));
  const auto results = store.commit(batch).results;
  for (const op_result& each : results)
    if (each.status != op_status::applied)
      FAIL("an operation was refused");
  CHECK(store.events().pending == limits::commit_operations_max);
  CHECK(store.reopen(false).size() == limits::commit_operations_max);
}

TEST_CASE("an event with as many deliveries as there may be, and a body at the limit") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  std::vector<std::string> agents;
  for (std::size_t i = 0; i < limits::deliveries_per_event_max; ++i)
    agents.push_back("agent" + std::to_string(i));
  const event_id event = store.add(
      {.id = "1", .data = std::string(limits::event_bytes_max - 200, 'x'), .agents = agents});
  store.reopen(false);
  const auto found = store.find(event);
  REQUIRE(found->deliveries.size() == agents.size());
  CHECK(found->body.size() > limits::event_bytes_max - 200);
  finish_op last = store.finish({event, static_cast<std::uint8_t>(agents.size() - 1)});
  last.event_state = delivery_state::pending;
  CHECK(store.one(last).status == op_status::applied);
  CHECK(store.deliveries().pending == agents.size() - 1);
}

TEST_CASE("an empty batch changes nothing and has an empty receipt") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  store.add({.id = "1"});
  const commit_no last = store->last_commit();
  const commit_receipt receipt = store.commit({});
  CHECK(receipt.results.empty());
  CHECK(receipt.commit == last);
  CHECK(store->last_commit() == last);
}
