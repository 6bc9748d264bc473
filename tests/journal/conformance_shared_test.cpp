// What every engine does whose store several nodes share: who owns a shard commits to it, and what
// one has committed the next one goes on with.
#include "tests/journal/shared_store.hpp"

#include <set>

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

#define FOR_EACH_SHARED_ENGINE                                                                     \
  const auto kind = GENERATE(from_range(all_shared_engines()));                                    \
  INFO(kind.name);                                                                                 \
  const auto place = kind.make()

namespace {

/// A key of another shard than this one's.
std::string key_beside(shared_node& node, const std::string& key) {
  const shard_id shard = shard_of(key, node->identity().hash);
  for (int i = 0;; ++i)
    if (const std::string other = "k" + std::to_string(i);
        shard_of(other, node->identity().hash) != shard)
      return other;
}

} // namespace

TEST_CASE("an engine that has adopted nothing is fenced everywhere and tells nothing") {
  FOR_EACH_SHARED_ENGINE;
  shared_node a{*place, "a"};
  must(a->recover([](const pending_event&) { FAIL("nothing is its own"); }));
  CHECK(a.one(a.accept({.id = "1"})).status == op_status::fenced);
  CHECK(must(a->events_ledger()) == ledger{});
}

TEST_CASE("the next owner goes on with what the one before has committed, down to identities") {
  FOR_EACH_SHARED_ENGINE;
  const bool in_order = GENERATE(false, true);
  shared_node a{*place, "a"};
  shared_node b{*place, "b"};
  a.take_all();
  const event_id done = a.add({.id = "1"});
  const event_id half = a.add({.id = "2", .agents = {"bot", "log"}});
  a.one(a.finish(first_of(done)));
  a.one(a.finish(first_of(half)));
  if (in_order)
    a.give_up(every_shard(256));
  else
    place->pass(lease_over);
  const auto pending = b.take_all();
  REQUIRE(pending.size() == 1);
  CHECK(pending[0].event == half);
  CHECK(pending[0].live == 2);
  CHECK(pending[0].deliveries.size() == 2);
  CHECK(b.one(b.accept({.id = "1"})).event == done);
  CHECK(b.one(b.accept({.id = "1", .data = "other"})).status == op_status::conflict);
  CHECK(b.one(b.finish(first_of(half))).status == op_status::already_terminal);
  CHECK(b.one(b.finish({half, 1})).status == op_status::applied);
  CHECK(b.add({.id = "3"}).sequence > half.sequence);
  CHECK(must(b->events_ledger()) == ledger{.accepted = 3, .done = 2, .pending = 1});
  CHECK(must(b->deliveries_ledger()).balanced());
  CHECK(a.one(a.accept({.id = "4"})).status == op_status::fenced);
}

TEST_CASE("of a batch whose shards are another's in part the others are written, atomically") {
  FOR_EACH_SHARED_ENGINE;
  shared_node a{*place, "a"};
  shared_node b{*place, "b"};
  a.take_all();
  const std::string here = key_beside(a, "lost");
  const event_id kept = a.add({.id = "kept", .key = here});
  const event_id lost = a.add({.id = "lost", .key = "lost"});
  place->pass(lease_over);
  must(a.leases().renew(lease_time));
  place->pass(lease_over);
  b.take(std::vector{lost.shard});
  finish_op with_emit = a.finish(first_of(kept));
  with_emit.emits = {a.accept({.id = "d", .key = here}), a.accept({.id = "e", .key = "lost"})};
  keep_op with_states{a.epoch_of(kept.shard), kept.shard, {}, {}};
  with_states.states = {{must(a->agent_number("bot")), {.key = here, .value = slice{"v"}}}};
  with_states.emits = {a.accept({.id = "e", .key = "lost"})};
  const auto results = a.commit({a.accept({.id = "2", .key = here}), with_emit,
                                 a.finish(first_of(lost)), a.accept({.id = "3", .key = "lost"}),
                                 a.accept({.id = "4", .key = here}), with_states});
  CHECK(results[0].status == op_status::applied);
  CHECK(results[1].status == op_status::emit_fenced);
  CHECK(results[1].emit == 1);
  CHECK(results[1].emits.empty());
  CHECK(results[2].status == op_status::fenced);
  CHECK(results[3].status == op_status::fenced);
  CHECK(results[4].status == op_status::applied);
  CHECK(results[5].status == op_status::emit_fenced);
  CHECK(results[5].emit == 0);
  CHECK_FALSE(must(a.reader().state_of(must(a->agent_number("bot")), here)));
  CHECK(a.one(a.accept({.id = "d", .key = here})).status == op_status::applied); // nothing of it
  CHECK(must(a.reader().find(results[0].event)));
  CHECK(must(a.reader().find(kept))->state() == delivery_state::pending);
  CHECK(b.one(b.finish(first_of(lost))).status == op_status::applied);
  CHECK(a.one(a.finish(first_of(kept))).status == op_status::applied);
  CHECK(must(a->events_ledger()).balanced());
  CHECK(must(b->events_ledger()) == ledger{.accepted = 1, .done = 1});
}

TEST_CASE("a shard whose lease was lost before it was adopted is not adopted") {
  FOR_EACH_SHARED_ENGINE;
  shared_node a{*place, "a"};
  shared_node b{*place, "b"};
  const std::vector one{shard_of("k", a->identity().hash)};
  const auto taken = held_of(must(a.leases().take(one, lease_time)));
  place->pass(lease_over);
  b.take(one);
  b.add({.id = "1"});
  must(a->adopt(taken, [](const pending_event&) { FAIL("it is b's"); }));
  accept_op op = a.accept({.id = "2"});
  op.epoch = taken[0].epoch;
  CHECK(a.one(op).status == op_status::fenced);
}

TEST_CASE("a start alone counts as a crash for the next owner, unless it was given up in order") {
  FOR_EACH_SHARED_ENGINE;
  const bool in_order = GENERATE(false, true);
  shared_node a{*place, "a"};
  shared_node b{*place, "b"};
  a.take_all();
  const event_id event = a.add({.id = "1"});
  CHECK(a.one(start_op{a.epoch_of(event.shard), first_of(event), true}).status ==
        op_status::applied);
  if (in_order)
    a.give_up(every_shard(256));
  else
    place->pass(lease_over);
  CHECK(b.take_all().size() == 1);
  const auto found = must(b.reader().pending(std::vector{event.sequence}));
  REQUIRE(found.size() == 1);
  CHECK(found[0].crashes == (in_order ? 0u : 1u));
  CHECK(found[0].mark == (in_order ? start_mark::none : start_mark::started));
}

TEST_CASE("the feed tells the commits of all owners, each once, on every node") {
  FOR_EACH_SHARED_ENGINE;
  shared_node a{*place, "a"};
  shared_node b{*place, "b"};
  const shard_id of_b = shard_of("b", a->identity().hash);
  b.take(std::vector{of_b});
  a.take_all();
  std::set<event_id> expected;
  std::vector<event_id> told;
  commit_no cursor{};
  for (int i = 0; i < 20; ++i) {
    shared_node& node = i % 3 == 0 ? b : a;
    const std::string key = i % 3 == 0 ? "b" : key_beside(a, "b");
    expected.insert(node.add({.id = std::to_string(i), .key = key, .agents = {}}));
    if (i % 4 != 0)
      continue;
    const auto feed = must((i % 8 == 0 ? a : b).reader().commits_after(cursor, 3));
    REQUIRE_FALSE(feed.reset);
    for (const feed_commit& each : feed.commits) {
      CHECK(each.commit > cursor);
      cursor = each.commit;
      for (const feed_item& item : each.items)
        told.push_back(item.delivery.event);
    }
  }
  for (const feed_commit& each : must(b.reader().commits_after(cursor, 100)).commits)
    for (const feed_item& item : each.items)
      told.push_back(item.delivery.event);
  CHECK(told.size() == expected.size());
  CHECK(std::set<event_id>(told.begin(), told.end()) == expected);
}

TEST_CASE("agents have one number for all nodes") {
  FOR_EACH_SHARED_ENGINE;
  shared_node a{*place, "a"};
  shared_node b{*place, "b"};
  const auto x = must(a->agent_number("x"));
  const auto y = must(b->agent_number("y"));
  CHECK(x != y);
  CHECK(must(b->agent_number("x")) == x);
  CHECK(must(a->agent_number("y")) == y);
}

TEST_CASE("timers are told of the shards that a node holds") {
  FOR_EACH_SHARED_ENGINE;
  shared_node a{*place, "a"};
  a.take_all();
  accept_op op = a.accept({.id = "1"});
  op.event.due = a.now + 10s;
  const event_id event = a.one(op).event;
  timer_query all;
  all.until = a.now + 1h;
  CHECK(must(a.reader().timers(all)).timers.size() == 1);
  if (kind.name == "memory")
    return; // tells all there are
  a.give_up(std::vector{event.shard});
  CHECK(must(a.reader().timers(all)).timers.empty());
}
