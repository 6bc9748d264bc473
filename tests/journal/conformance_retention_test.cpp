// Retention, on every engine: what was over for long enough is gone for all who ask, what is
// pending or dead stays, the feed begins later and says so, and all the sums go on.
#include "tests/journal/lockstep_workload.hpp"

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

namespace {

open_options short_retention() {
  open_options options;
  options.dedupe_window = 10s;
  options.retention = 60s;
  options.range_events = 64;
  return options;
}

/// Upkeep until there is nothing left to do; a second goes by each time.
void keep_up(test_store& store) {
  bool more = true;
  for (int i = 0; i < 200 && (more || i < 3); ++i) {
    store.now += 1s;
    more = must(store->upkeep(store.now));
  }
  REQUIRE_FALSE(more);
}

/// Events that are done, with a commit each.
std::vector<event_id> add_done(test_store& store, const std::string& name, int count) {
  std::vector<event_id> all;
  for (int i = 0; i < count; ++i) {
    all.push_back(store.add({.id = name + std::to_string(i)}));
    store.one(store.finish(first_of(all.back())));
  }
  return all;
}

} // namespace

TEST_CASE("events that were over for the retention time are gone; younger ones are not") {
  test_store store{GENERATE(from_range(all_engines())), short_retention()};
  const auto old = add_done(store, "old", 5);
  const event_id unrouted = store.add({.id = "unrouted", .agents = {}});
  store.now += 40s;
  const auto young = add_done(store, "young", 3);
  store.now += 10s;
  keep_up(store);
  for (const event_id each : old)
    CHECK(store.find(each)); // not yet
  store.now += 15s;
  keep_up(store);
  for (const event_id each : old)
    CHECK_FALSE(store.find(each));
  CHECK_FALSE(store.find(unrouted));
  for (const event_id each : young)
    CHECK(store.find(each));
  CHECK(store.list().events.size() == 3);
  CHECK(store->retention().dropped_events == 6);
  CHECK(must(store.reader().bodies(std::vector{old[0]})).at(0).empty());
  CHECK(store.one(store.finish(first_of(old[0]))).status == op_status::not_found);
  CHECK(store.events().balanced());
  CHECK(store.events().accepted == 9);
  CHECK(store.deliveries().balanced());
}

TEST_CASE("pending events and dead letters stay however old they are") {
  test_store store{GENERATE(from_range(all_engines())), short_retention()};
  const event_id waiting = store.add({.id = "waiting"});
  const event_id delayed = store.add({.id = "delayed", .due = "+1h"});
  const event_id dead = store.add({.id = "dead"});
  store.one(store.finish(first_of(dead), delivery_state::dead));
  const event_id half = store.add({.id = "half", .agents = {"bot", "log"}});
  store.one(store.finish(first_of(half)));
  const auto gone = add_done(store, "gone", 70); // over a range's end
  store.now += 200s;
  add_done(store, "new", 1);
  keep_up(store);
  CHECK_FALSE(store.find(gone.front()));
  CHECK_FALSE(store.find(gone.back()));
  for (const bool clean : {true, false}) {
    std::vector<event_id> pending;
    for (const auto& each : store.reopen(clean))
      pending.push_back(each.delivery.event);
    std::sort(pending.begin(), pending.end(),
              [](event_id a, event_id b) { return a.sequence < b.sequence; });
    CHECK(pending == std::vector{waiting, delayed, half});
    CHECK(store.find(dead)->state() == delivery_state::dead);
    CHECK(store.list_dead().events.size() == 1);
    CHECK(store.events().pending == 3);
    CHECK(store.events().balanced());
  }
}

TEST_CASE("an old event that ends goes once it has been over for the retention time") {
  test_store store{GENERATE(from_range(all_engines())), short_retention()};
  const event_id late = store.add({.id = "late", .agents = {"bot", "log"}});
  const event_id dies = store.add({.id = "dies"});
  store.now += 100s;
  add_done(store, "new", 1);
  keep_up(store);
  store.one(store.finish(first_of(late)));
  store.one(store.finish({late, 1}));
  store.one(store.finish(first_of(dies), delivery_state::dead));
  store.now += 30s;
  add_done(store, "newer", 1);
  keep_up(store);
  REQUIRE(store.find(late));
  CHECK(store.find(late)->state() == delivery_state::done);
  store.reopen(GENERATE(true, false));
  store.now += 40s;
  add_done(store, "newest", 1);
  keep_up(store);
  CHECK_FALSE(store.find(late));
  CHECK(store.find(dies));
  CHECK(store.events().balanced());
}

TEST_CASE("an event that ended long after it was accepted counts from its end") {
  test_store store{GENERATE(from_range(all_engines())), short_retention()};
  const event_id slow = store.add({.id = "slow"});
  store.now += 50s;
  store.one(store.finish(first_of(slow)));
  store.now += 30s;
  add_done(store, "new", 1);
  keep_up(store);
  CHECK(store.find(slow));
  store.now += 40s;
  add_done(store, "newer", 1);
  keep_up(store);
  CHECK_FALSE(store.find(slow));
}

TEST_CASE("a cursor older than the oldest commit that is kept is told to begin anew") {
  test_store store{GENERATE(from_range(all_engines())), short_retention()};
  const auto old = add_done(store, "old", 2);
  const event_id third = store.add({.id = "third"});
  const commit_no last_but_one = store->last_commit();
  store.one(store.finish(first_of(third)));
  const commit_no last_to_go = store->last_commit();
  store.now += 100s;
  add_done(store, "new", 2);
  keep_up(store);
  CHECK(must(store.reader().commits_after(commit_no{0}, 10)).reset);
  CHECK(must(store.reader().commits_after(last_but_one, 10)).reset);
  const auto feed = must(store.reader().commits_after(last_to_go, 10));
  CHECK_FALSE(feed.reset);
  CHECK(feed.commits.size() == 4);
  CHECK(feed.commits.back().commit == store->last_commit());
  CHECK((store.is_shared() || raw(store->last_commit()) == 10));
}

TEST_CASE("the last commit stays, and a store goes on from it after a restart") {
  test_store store{GENERATE(from_range(all_engines())), short_retention()};
  const auto old = add_done(store, "old", 4);
  const commit_no last = store->last_commit();
  store.now += 1h;
  keep_up(store);
  store.reopen(GENERATE(true, false));
  CHECK(store->last_commit() == last);
  const event_id next = store.add({.id = "next"});
  CHECK(next.sequence > old.back().sequence);
  CHECK(store.events().balanced());
}

TEST_CASE("a store whose newest events are all gone is opened, and goes on with the next number") {
  test_store store{GENERATE(from_range(all_engines())), short_retention()};
  const event_id slow = store.add({.id = "slow"});
  const auto gone = add_done(store, "gone", 4);
  store.now += 1s;
  store.one(store.finish(first_of(slow))); // alone in the last commit, which stays
  store.now += 1h;
  keep_up(store);
  REQUIRE_FALSE(store.find(gone.back()));
  store.reopen(GENERATE(true, false));
  CHECK(store.find(slow));
  CHECK(store.add({.id = "next"}).sequence > gone.back().sequence);
  CHECK(store.events().balanced());
}

TEST_CASE("a repeat within the dedupe window names an event that is there") {
  open_options options = short_retention();
  options.retention = options.dedupe_window;
  test_store store{GENERATE(from_range(all_engines())), options};
  const accept_op twice = store.accept({.id = "twice"});
  const event_id first = store.one(twice).event;
  store.one(store.finish(first_of(first)));
  store.now += 5s;
  add_done(store, "new", 1);
  keep_up(store); // some seconds
  const op_result again = store.one(twice);
  CHECK(again.status == op_status::duplicate);
  CHECK(again.event == first);
  CHECK(store.find(first));
}

TEST_CASE("a retention time below the dedupe window is refused") {
  open_options options = short_retention();
  options.retention = options.dedupe_window - 1s;
  const auto place = GENERATE(from_range(all_engines())).make();
  const auto opened = place->open(options);
  REQUIRE_FALSE(opened.ok());
  CHECK(opened.error().code == errc::invalid_argument);
  CHECK(opened.error().detail.find("dedupe window") != std::string::npos);
}

TEST_CASE("every engine drops the same as the oracle on random operations") {
  const auto kind = GENERATE(from_range(engines_beside({sqlite_engine_kind()})));
  const auto seed = GENERATE_COPY(range(1u, 1 + seeds_of(kind, 8)));
  INFO("seed " << seed << ", " << kind);
  open_options options = short_retention();
  options.dedupe_window = options.retention;
  options.dedupe_entries_max = kind.exact_budget ? 300 : 300'000;
  options.numbers_at_once = 4'096;
  test_store oracle{kind.shared ? shared_memory_engine_kind() : memory_engine_kind(), options};
  test_store other{kind, options};
  for (const std::string& name : workload_agents())
    REQUIRE(oracle.agent(name) == other.agent(name));
  random_workload work{seed};
  for (int step = 0; step < 150; ++step) {
    INFO("step " << step);
    oracle.now += work.pause();
    other.now = oracle.now;
    std::vector<operation> batch = work.next(oracle->identity().hash, oracle.now);
    set_epoch(batch, oracle.epoch());
    const commit_receipt expected = oracle.commit(batch);
    const commit_receipt got = other.commit(batch);
    for (std::size_t i = 0; i < batch.size(); ++i)
      REQUIRE(describe(got.results[i]) == describe(expected.results[i]));
    work.committed(batch, expected);
    if (step % 7 != 0)
      continue;
    bool more = true;
    for (int i = 0; i < 30 && (more || i < 3); ++i) {
      oracle.now += 1s;
      other.now = oracle.now;
      must(oracle->upkeep(oracle.now));
      more = must(other->upkeep(other.now));
    }
    REQUIRE(describe(*other, other.reader()) == describe(*oracle, oracle.reader()));
    REQUIRE(other.events().balanced());
    if (step % 21 == 0) {
      const bool clean = work.number(2) == 0;
      const auto in_oracle = oracle.reopen(clean);
      const auto in_other = other.reopen(clean);
      REQUIRE(in_oracle.size() == in_other.size());
      for (std::size_t i = 0; i < in_oracle.size(); ++i)
        REQUIRE(describe(in_oracle[i]) == describe(in_other[i]));
      REQUIRE(other->take_notes().empty());
    }
  }
  CHECK(oracle->retention().dropped_events > 100);
  CHECK(oracle->retention().dropped_events == other->retention().dropped_events);
}
