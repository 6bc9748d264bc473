// What every engine says of what is pending: at a start, by number, and by time.
#include "tests/journal/lockstep_workload.hpp"
#include "tests/journal/store_fixture.hpp"

namespace skein::test {

namespace {

using namespace std::chrono_literals;

struct found_event {
  std::uint64_t sequence = 0;
  unsigned live = 0;
  bool sleeps = false;
  friend bool operator==(const found_event&, const found_event&) = default;
};
std::ostream& operator<<(std::ostream& out, const found_event& each) {
  return out << each.sequence << '/' << each.live << (each.sleeps ? " sleeps" : "");
}

/// Ends as by a kill and starts again.
std::vector<found_event> recovered(test_store& store) {
  std::vector<found_event> all;
  store.reopen_raw([&](const pending_event& each) {
    all.push_back({each.event.sequence, each.live, each.sleeps});
  });
  return all;
}

timer_page timers(test_store& store, instant until, const timer& after = {},
                  std::size_t limit = 100) {
  timer_query query;
  query.after = after;
  query.until = until;
  query.limit = limit;
  return must(store.reader().timers(query));
}

} // namespace

TEST_CASE("a start tells of each pending event, with the deliveries that live") {
  const auto kind = GENERATE(from_range(all_engines()));
  CAPTURE(kind);
  test_store store{kind};
  const event_id one = store.add({.id = "1", .agents = {"bot", "log"}});
  const event_id two = store.add({.id = "2"});
  const event_id three = store.add({.id = "3"});
  store.one(store.finish(first_of(one)));
  store.one(store.finish(first_of(two)));
  CHECK(recovered(store) ==
        std::vector<found_event>{{one.sequence, 2, false}, {three.sequence, 1, false}});
}

TEST_CASE("what became due stands behind all that was accepted before that time") {
  const auto kind = GENERATE(from_range(all_engines()));
  CAPTURE(kind);
  test_store store{kind};
  const event_id late = store.add({.id = "late", .due = "+10s"});
  const event_id later = store.add({.id = "later", .due = "+5s"});
  const event_id sleeper = store.add({.id = "sleeper", .due = "+1h"});
  const event_id first = store.add({.id = "first"});
  store.now += 7s;
  const event_id second = store.add({.id = "second"});
  store.now += 3s;
  const event_id third = store.add({.id = "third"}); // at the very time: the lower number first
  auto found = recovered(store);
  std::erase_if(found, [](const found_event& each) { return each.sleeps; });
  CHECK(found == std::vector<found_event>{{first.sequence, 1, false},
                                          {later.sequence, 1, false},
                                          {second.sequence, 1, false},
                                          {late.sequence, 1, false},
                                          {third.sequence, 1, false}});
  CHECK(sleeper.sequence == 3);
}

TEST_CASE("what sleeps is told as sleeping until its time") {
  const auto kind = GENERATE(from_range(all_engines()));
  CAPTURE(kind);
  test_store store{kind};
  const event_id one = store.add({.id = "1", .due = "+10s"});
  store.now += 9s;
  CHECK(recovered(store) == std::vector<found_event>{{one.sequence, 1, true}});
  store.now += 1s;
  CHECK(recovered(store) == std::vector<found_event>{{one.sequence, 1, false}});
}

TEST_CASE("pending deliveries are read by their numbers, with body, attempts and siblings") {
  const auto kind = GENERATE(from_range(all_engines()));
  CAPTURE(kind);
  test_store store{kind};
  const event_id one = store.add({.id = "1", .key = "a", .agents = {"bot", "log"}});
  const event_id two = store.add({.id = "2", .key = "b"});
  const event_id three = store.add({.id = "3", .key = "c"});
  store.one(store.finish(first_of(two)));
  store.one(store.finish(first_of(one)));
  store.one(store.attempt({one, 1}, 1));
  store.one(store.attempt({one, 1}, 2));
  store.one(store.start(first_of(three)));
  const std::vector<std::uint64_t> asked{one.sequence, two.sequence, three.sequence, 99};
  const auto found = must(store.reader().pending(asked));
  REQUIRE(found.size() == 2);
  CHECK(found[0].delivery == delivery_id{one, 1});
  CHECK(found[0].key == "a");
  CHECK(found[0].attempts == 2);
  CHECK(found[0].next_due == store.now + 2s);
  CHECK(found[0].sibling_states[0] == delivery_state::done);
  CHECK(found[0].sibling_states[1] == delivery_state::pending);
  CHECK(found[0].body.view() == store.find(one)->body.view());
  CHECK(found[1].delivery == first_of(three));
  CHECK(found[1].mark == start_mark::started);
  CHECK(must(store.reader().pending({})).empty());
}

TEST_CASE("numbers that lie far apart are found") {
  const auto kind = GENERATE(from_range(all_engines()));
  CAPTURE(kind);
  test_store store{kind};
  std::vector<std::uint64_t> asked;
  for (int i = 0; i < 300; ++i) {
    const event_id each = store.add({.id = std::to_string(i)});
    if (i % 100 < 2)
      asked.push_back(each.sequence);
    else
      store.one(store.finish(first_of(each)));
  }
  const auto found = must(store.reader().pending(asked));
  REQUIRE(found.size() == asked.size());
  for (std::size_t i = 0; i < asked.size(); ++i)
    CHECK(found[i].delivery.event.sequence == asked[i]);
}

TEST_CASE("a finish says whether its event is over, and as what") {
  const auto kind = GENERATE(from_range(all_engines()));
  CAPTURE(kind);
  test_store store{kind};
  const event_id one = store.add({.id = "1", .agents = {"bot", "log"}});
  auto first = store.finish(first_of(one), delivery_state::dead);
  first.event_state = delivery_state::pending;
  CHECK(store.one(first).event_end == delivery_state::pending);
  auto last = store.finish({one, 1});
  last.event_state = delivery_state::pending; // whoever asks need not know
  CHECK(store.one(last).event_end == delivery_state::dead);
}

TEST_CASE("timers come in order of time, of one loop's shards, page by page") {
  const auto kind = GENERATE(from_range(all_engines()));
  CAPTURE(kind);
  test_store store{kind};
  const instant start = store.now;
  std::vector<timer> expected;
  for (int i = 0; i < 60; ++i) { // from seconds to weeks ahead
    const auto ahead = std::chrono::seconds{1 + (i * 7919 * (i % 4 == 0 ? 1 : 97)) % 5'000'000};
    const event_id each = store.add({.id = std::to_string(i),
                                     .key = std::to_string(i),
                                     .due = "+" + std::to_string(ahead.count()) + "s"});
    expected.push_back({start + ahead, each, false});
  }
  std::sort(expected.begin(), expected.end());
  CHECK((timers(store, start + 5'000'000s).timers == expected));

  timer_page page = timers(store, start + 5'000'000s, {}, 13);
  std::vector<timer> paged = page.timers;
  while (page.more) {
    page = timers(store, start + 5'000'000s, paged.back(), 13);
    paged.insert(paged.end(), page.timers.begin(), page.timers.end());
  }
  CHECK((paged == expected));

  timer_query of_loop;
  of_loop.loops = 3;
  of_loop.loop = loop_no{1};
  of_loop.until = start + 5'000'000s;
  std::erase_if(expected, [](const timer& each) { return raw(each.event.shard) % 3 != 1; });
  CHECK((must(store.reader().timers(of_loop)).timers == expected));
}

TEST_CASE("timers of one second come by their numbers, page by page") {
  const auto kind = GENERATE(from_range(all_engines()));
  CAPTURE(kind);
  test_store store{kind};
  std::vector<timer> expected;
  for (int second = 0; second < 3; ++second)
    for (int i = 0; i < 30; ++i) { // later numbers are due earlier within their second
      const auto ahead = std::chrono::milliseconds{5'000 + second * 1'000 + 900 - i * 25};
      const event_id each = store.add({.id = std::to_string(second * 100 + i),
                                       .due = "+" + std::to_string(ahead.count()) + "ms"});
      expected.push_back({store.now + ahead, each, false});
    }
  std::sort(expected.begin(), expected.end());
  const instant until = store.now + 1h;
  const auto limit = GENERATE(std::size_t{7}, std::size_t{30}, std::size_t{89}, std::size_t{90});
  timer_page page = timers(store, until, {}, limit);
  std::vector<timer> paged = page.timers;
  while (page.more) {
    page = timers(store, until, paged.back(), limit);
    REQUIRE(!page.timers.empty());
    paged.insert(paged.end(), page.timers.begin(), page.timers.end());
  }
  CHECK((paged == expected));
}

TEST_CASE("an event that is due and expires has two timers, one that is due at once has none") {
  const auto kind = GENERATE(from_range(all_engines()));
  CAPTURE(kind);
  test_store store{kind};
  store.add({.id = "0"});
  const event_id one = store.add({.id = "1", .due = "+10s", .expires = "+20s"});
  const std::vector<timer> both{{store.now + 10s, one, false}, {store.now + 20s, one, true}};
  CHECK((timers(store, store.now + 1h).timers == both));
  CHECK((timers(store, store.now + 15s).timers == std::vector<timer>{both[0]}));
  CHECK((timers(store, store.now + 1h, both[0]).timers == std::vector<timer>{both[1]}));
}

TEST_CASE("upkeep over days loses no timer of an event that waits") {
  const auto kind = GENERATE(from_range(all_engines()));
  CAPTURE(kind);
  test_store store{kind};
  const instant start = store.now;
  std::vector<timer> expected;
  for (int i = 0; i < 40; ++i) {
    const auto ahead = std::chrono::minutes{1 + i * i * 7};
    const event_id each =
        store.add({.id = std::to_string(i), .due = "+" + std::to_string(ahead.count()) + "m"});
    if (i % 3 == 0)
      store.one(store.finish(first_of(each), delivery_state::cancelled));
    else
      expected.push_back({start + ahead, each, false});
  }
  for (int hour = 0; hour < 24 * 9; ++hour) {
    store.now += 1h;
    for (int turn = 0; turn < 10; ++turn)
      must(store->upkeep(store.now));
    auto found = timers(store, start + 1'000'000s).timers;
    std::erase_if(found, [&](const timer& each) {
      return std::find(expected.begin(), expected.end(), each) == expected.end();
    });
    REQUIRE((found == expected));
  }
}

TEST_CASE("who has lost its shards takes no start from who has them now") {
  const auto all = all_engines();
  const bool closes = GENERATE(true, false);
  for (const engine_kind& kind : all) {
    if (!kind.shared)
      continue;
    INFO(kind.name);
    const auto place = kind.make();
    const instant now = from_ns(1'700'000'000'000'000'000);
    const auto nothing = [](const pending_event&) {};
    const auto open = [&] {
      auto opened = must(place->open({.now = now, .seed = 1}));
      must(place->begin(*opened, nothing));
      return opened;
    };
    const auto commit = [&](engine& by, operation op) {
      std::vector<operation> batch{std::move(op)};
      set_epoch(batch, epoch_no{by.identity().boot});
      const op_result judged = must(by.commit(batch, now)).results.at(0);
      REQUIRE(judged.status == op_status::applied);
      return judged.event;
    };
    const auto first = open();
    event value;
    value.id = "1";
    value.source = "/s";
    value.type = "t";
    accept_op op;
    op.event = must(offer(value, first->identity().hash, {}, now));
    op.deliveries.add(must(first->agent_number("bot")));
    const event_id made = commit(*first, op);
    auto second = open();
    start_op alone;
    alone.delivery = first_of(made);
    alone.alone = true;
    commit(*second, alone);
    std::vector<shard_id> shards;
    for (std::uint32_t shard = 0; shard < first->identity().hash.shards; ++shard)
      shards.push_back(shard_id{shard});
    if (closes)
      must(first->close());
    else
      first->release(shards);
    second.reset(); // it died in that turn
    const auto third = open();
    const std::vector<std::uint64_t> numbers{made.sequence};
    const auto told = must(must(third->new_reader())->pending(numbers));
    REQUIRE(told.size() == 1);
    CHECK(told[0].crashes == 1);
  }
}

} // namespace skein::test
