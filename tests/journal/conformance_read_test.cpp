// What every engine shows: look-ups, filters, pages, the scan budget, dead letters, the feed.
#include "journal/payload_bytes.hpp"
#include "tests/journal/store_fixture.hpp"

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

#define FOR_EACH_ENGINE                                                                            \
  const auto kind = GENERATE(from_range(all_engines()));                                           \
  INFO(kind.name)

namespace {

std::vector<std::uint64_t> sequences(const event_page& page) {
  std::vector<std::uint64_t> all;
  for (const event_record& each : page.events)
    all.push_back(each.event.sequence);
  return all;
}

} // namespace

TEST_CASE("only the right shard and sequence find an event") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  const event_id event = store.add({.id = "1"});
  CHECK(store.find(event));
  CHECK_FALSE(store.find({shard_id{(raw(event.shard) + 1) % 256}, event.sequence}));
  CHECK_FALSE(store.find({event.shard, event.sequence + 1}));
  CHECK_FALSE(store.find({event.shard, 0}));
}

TEST_CASE("bodies come in the order asked for, empty for what is not there") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  const event_id first = store.add({.id = "1", .data = "one"});
  const event_id second = store.add({.id = "2", .data = "two"});
  const std::vector<event_id> wanted{second, {shard_id{1}, 77}, first, second};
  const auto bodies = must(store.reader().bodies(wanted));
  REQUIRE(bodies.size() == 4);
  CHECK(decode_event(bodies[0].view())->data == "two");
  CHECK(bodies[1].empty());
  CHECK(decode_event(bodies[2].view())->data == "one");
  CHECK(bodies[3] == bodies[0]);
}

TEST_CASE("each filter finds what it names, newest first") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  const auto one = store.add({.id = "1", .key = "a", .type = "x", .agents = {"bot"}}).sequence;
  const auto two =
      store.add({.id = "2", .key = "b", .type = "y", .source = "/q", .agents = {"log"}});
  const auto three = store.add({.id = "1", .key = "c", .type = "x", .agents = {"bot", "log"}});
  const auto four = store.add({.id = "4", .key = "a", .type = "z", .agents = {}}).sequence;
  store.one(store.finish(first_of(two), delivery_state::dead));
  finish_op half = store.finish(first_of(three));
  half.event_state = delivery_state::pending;
  store.one(half);
  store.one(store.attempt({three, 1}, 1));
  using ids = std::vector<std::uint64_t>;
  CHECK(sequences(store.list()) == ids{four, three.sequence, two.sequence, one});
  CHECK(sequences(store.list({.key = "a"})) == ids{four, one});
  CHECK(sequences(store.list({.id = "1"})) == ids{three.sequence, one});
  CHECK(sequences(store.list({.source = "/q"})) == ids{two.sequence});
  CHECK(sequences(store.list({.type = "x"})) == ids{three.sequence, one});
  CHECK(sequences(store.list({.agent = store.agent("log")})) == ids{three.sequence, two.sequence});
  CHECK(sequences(store.list({.state = delivery_state::dead})) == ids{two.sequence});
  CHECK(sequences(store.list({.state = delivery_state::done})) == ids{four});
  CHECK(sequences(store.list({.state = delivery_state::pending})) == ids{one});
  CHECK(sequences(store.list({.state = delivery_state::running})) == ids{one});
  CHECK(sequences(store.list({.state = delivery_state::retrying})) == ids{three.sequence});
  CHECK(sequences(store.list({.key = "a", .type = "x"})) == ids{one});
  CHECK(sequences(store.list({.source = "/s", .id = "1", .key = "c"})) == ids{three.sequence});
  CHECK(sequences(store.list({.key = "nobody's"})).empty());
  CHECK(store.list({.key = "nobody's"}).scanned == 0);
}

TEST_CASE("pages follow each other without a gap and say when there is no more") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  std::vector<std::uint64_t> expected;
  for (int i = 0; i < 10; ++i)
    expected.insert(expected.begin(), store.add({.id = std::to_string(i)}).sequence);
  for (const std::size_t limit : {1u, 3u, 5u, 9u, 10u, 11u}) {
    std::vector<std::uint64_t> seen;
    event_filter filter{.limit = limit};
    std::size_t pages = 0;
    do {
      const event_page page = store.list(filter);
      CHECK(page.events.size() <= limit);
      CHECK_FALSE(page.events.empty());
      CHECK_FALSE(page.budget_spent);
      for (const std::uint64_t each : sequences(page))
        seen.push_back(each);
      filter.before = page.next;
      ++pages;
    } while (filter.before != 0);
    CHECK(seen == expected);
    CHECK(pages == (10 + limit - 1) / limit);
  }
  CHECK(store.list({.limit = 0}).events.size() == 1);
  CHECK(store.list({.before = 1}).events.empty());
  CHECK(store.list({.before = 1}).next == 0);
}

TEST_CASE("a page never has more rows than a page may have") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  std::vector<operation> batch;
  for (std::size_t i = 0; i < limits::page_rows_max + 1; ++i)
    batch.emplace_back(store.accept({.id = std::to_string(i)}));
  store.commit(batch);
  const event_page page = store.list({.limit = 1'000'000});
  CHECK(page.events.size() == limits::page_rows_max);
  CHECK(page.next == 2);
}

TEST_CASE("a page of large events is a short one, and the next goes on from there") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  const std::string large(limits::event_bytes_max - 1'000, 'x');
  for (int i = 0; i < 12; ++i)
    store.add({.id = std::to_string(i), .data = large});
  const event_page first = store.list({});
  CHECK(first.events.size() == page_bytes_max / large.size() + 1);
  CHECK(first.next == first.events.back().event.sequence);
  CHECK_FALSE(first.budget_spent);
  const event_page second = store.list({.before = first.next});
  CHECK(second.events.size() == 12 - first.events.size());
  CHECK(second.next == 0);
}

TEST_CASE("a search stops at the scan budget, says so and goes on from there") {
  const auto kind = GENERATE(memory_engine_kind(), sqlite_engine_kind()); // 50,000 small buckets
  test_store store{kind};
  const event_id oldest = store.add({.id = "needle", .type = "rare", .agents = {}});
  accept_op op = store.accept({.id = "hay", .agents = {}});
  std::size_t made = 0;
  while (made < limits::scan_budget_rows) {
    std::vector<operation> batch;
    for (; batch.size() < limits::commit_operations_max && made < limits::scan_budget_rows;
         ++made) {
      op.event.identity.low = 1'000 + made;
      op.event.identity.high = made * 0x9e3779b97f4a7c15ull;
      batch.emplace_back(op);
    }
    store.commit(std::move(batch));
  }
  const event_page first = store.list({.type = "rare"});
  CHECK(first.events.empty());
  CHECK(first.budget_spent);
  CHECK(first.scanned == limits::scan_budget_rows);
  CHECK(first.next == 2);
  CHECK(first.reached == store.now);
  const event_page second = store.list({.type = "rare", .before = first.next});
  CHECK(sequences(second) == std::vector{oldest.sequence});
  CHECK_FALSE(second.budget_spent);
  const event_page by_id = store.list({.id = "needle"}); // does not look at the others
  CHECK(sequences(by_id) == std::vector{oldest.sequence});
  CHECK(by_id.scanned == 1);
  CHECK(second.next == 0);
}

TEST_CASE("dead letters are listed by event, with all that is known of them") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  const event_id one = store.add({.id = "1", .key = "a", .type = "x", .agents = {"bot", "log"}});
  const event_id two = store.add({.id = "2", .key = "b", .type = "y"});
  const event_id three = store.add({.id = "3", .key = "a", .type = "y"});
  finish_op dead = store.finish({one, 1}, delivery_state::dead);
  dead.agent = store.agent("log");
  dead.code = errc::agent_rejected;
  dead.error = "no";
  dead.event_state = delivery_state::pending;
  finish_op both = store.finish({one, 0}, delivery_state::dead);
  store.commit({store.attempt({one, 1}, 1), dead, store.finish(first_of(two)),
                store.finish(first_of(three), delivery_state::dead), both});
  if (GENERATE(false, true))
    store.reopen(false);
  using ids = std::vector<std::uint64_t>;
  const event_page page = store.list_dead();
  CHECK(sequences(page) == ids{three.sequence, one.sequence}); // each event once
  CHECK(page.scanned == 2);
  CHECK(page.events.at(1).deliveries[1].error == "no");
  CHECK(page.events.at(1).deliveries[1].code == errc::agent_rejected);
  CHECK(page.events.at(1).deliveries[1].attempts.size() == 1);
  CHECK_FALSE(page.events.at(1).body.empty());
  CHECK(sequences(store.list_dead({.agent = store.agent("log")})) == ids{one.sequence});
  CHECK(sequences(store.list_dead({.key = "a"})) == ids{three.sequence, one.sequence});
  CHECK(sequences(store.list_dead({.type = "y"})) == ids{three.sequence});
  const event_page first = store.list_dead({.limit = 1});
  CHECK(first.next == three.sequence);
  const event_page second = store.list_dead({.limit = 1, .before = first.next});
  CHECK(sequences(second) == ids{one.sequence});
  CHECK(second.next == 0);
}

TEST_CASE("the feed shows what each commit made durable, in order") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  const event_id one = store.add({.id = "1", .key = "a"});
  store.now += 1s;
  finish_op op = store.finish(first_of(one));
  op.emits = {store.accept({.id = "e", .key = "z"})};
  const auto receipt = store.commit({op, store.accept({.id = "2", .key = "b"})});
  store.one(store.attempt(first_of(receipt.results[1].event), 1));
  if (GENERATE(false, true))
    store.reopen(false);
  const auto feed = must(store.reader().commits_after(commit_no{0}, 100));
  CHECK_FALSE(feed.reset);
  REQUIRE(feed.commits.size() == 3);
  REQUIRE(feed.commits[0].items.size() == 1);
  CHECK(feed.commits[0].items[0].kind == feed_item::what::accepted);
  CHECK(feed.commits[0].items[0].delivery.event == one);
  CHECK(feed.commits[1].at == store.now);
  REQUIRE(feed.commits[1].items.size() == 3);
  CHECK(feed.commits[1].items[0].delivery.event == receipt.results[0].emits[0].event);
  CHECK(feed.commits[1].items[1].delivery.event == receipt.results[1].event);
  CHECK(feed.commits[1].items[2].kind == feed_item::what::outcome);
  CHECK(feed.commits[1].items[2].delivery == first_of(one));
  CHECK(feed.commits[2].items.empty()); // an attempt is neither
  const auto later = must(store.reader().commits_after(feed.commits[0].commit, 1));
  REQUIRE(later.commits.size() == 1);
  CHECK(later.commits[0].commit == feed.commits[1].commit);
  CHECK(must(store.reader().commits_after(store->last_commit(), 10)).commits.empty());
}

TEST_CASE("a cursor from the future asks for a reset") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  store.add({.id = "1"});
  CHECK(must(store.reader().commits_after(commit_no{raw(store->last_commit()) + 1}, 10)).reset);
  CHECK_FALSE(must(store.reader().commits_after(store->last_commit(), 10)).reset);
}

TEST_CASE("several readers see what is committed, at once") {
  FOR_EACH_ENGINE;
  test_store store{kind};
  const auto other = must(store->new_reader());
  for (int i = 0; i < 5; ++i) {
    const event_id event = store.add({.id = std::to_string(i)});
    CHECK(must(other->find(event)));
    CHECK(store.find(event));
  }
}
