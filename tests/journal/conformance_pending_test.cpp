// Searches for what is pending, on every engine: found without looking at what is over, newest
// first, in pages, whatever of it was saved by then.
#include "tests/journal/store_fixture.hpp"

#include <random>

using namespace skein;
using namespace skein::test;

namespace {

using sequences = std::vector<std::uint64_t>;

/// Small ranges, so that a few hundred events fill many.
open_options small_ranges() {
  open_options options;
  options.range_events = 16;
  return options;
}

void keep_up(test_store& store) {
  while (*store->upkeep(store.now))
    ;
}

struct found_pending {
  sequences all;
  std::uint64_t scanned = 0;
};

found_pending all_pages(test_store& store, event_filter filter) {
  found_pending found;
  do {
    const event_page page = store.list(filter);
    REQUIRE(page.events.size() <= filter.limit);
    for (const event_record& each : page.events)
      found.all.push_back(each.event.sequence);
    // Of each page but the last one row more is looked at: whether there is another page.
    found.scanned += page.scanned;
    filter.before = page.next;
  } while (filter.before != 0);
  return found;
}

/// 100 events of three keys; every tenth is left pending, every twentieth for two agents.
struct mostly_done {
  explicit mostly_done(test_store& store) {
    for (int i = 0; i < 100; ++i) {
      std::vector<std::string> agents{"bot"};
      if (i % 20 == 10)
        agents.emplace_back("clerk");
      const event_id event = store.add(
          {.id = std::to_string(i), .key = "k" + std::to_string(i % 3), .agents = agents});
      if (i % 10 != 0) {
        store.one(store.finish(first_of(event)));
        continue;
      }
      pending.insert(pending.begin(), event.sequence);
      if (i % 3 == 0)
        of_key.insert(of_key.begin(), event.sequence);
      if (i % 20 == 10) {
        of_clerk.insert(of_clerk.begin(), event.sequence);
        store.one(store.finish(first_of(event))); // the clerk's is left
      }
    }
  }
  sequences pending;  // newest first
  sequences of_key;   // those of the key "k0"
  sequences of_clerk; // and of this agent
};

} // namespace

#define FOR_EACH_ENGINE                                                                            \
  const auto kind = GENERATE(from_range(all_engines()));                                           \
  INFO(kind.name)

TEST_CASE("what is pending is found without looking at what is over") {
  FOR_EACH_ENGINE;
  test_store store{kind, small_ranges()};
  const mostly_done made{store};
  keep_up(store);
  for (const delivery_state state : {delivery_state::pending, delivery_state::running}) {
    const found_pending one_page = all_pages(store, {.state = state});
    CHECK(one_page.all == made.pending);
    CHECK(one_page.scanned == made.pending.size());
    CHECK(all_pages(store, {.state = state, .limit = 3}).all == made.pending);
  }
  CHECK(store.list({.state = delivery_state::pending, .limit = 4}).scanned == 4);
  CHECK(store.list({.state = delivery_state::pending, .before = made.pending[6]}).events.size() ==
        3);
}

TEST_CASE("what is pending of a key or for an agent is found without looking at the rest") {
  FOR_EACH_ENGINE;
  test_store store{kind, small_ranges()};
  const mostly_done made{store};
  keep_up(store);
  const auto pending = delivery_state::pending;
  const found_pending of_key = all_pages(store, {.key = "k0", .state = pending});
  CHECK(of_key.all == made.of_key);
  CHECK(of_key.scanned == made.of_key.size());
  const agent_no clerk = store.agent("clerk");
  const found_pending of_clerk = all_pages(store, {.state = pending, .agent = clerk});
  CHECK(of_clerk.all == made.of_clerk);
  CHECK(of_clerk.scanned == made.of_clerk.size());
  sequences of_both;
  std::set_intersection(made.of_key.begin(), made.of_key.end(), made.of_clerk.begin(),
                        made.of_clerk.end(), std::back_inserter(of_both), std::greater<>{});
  REQUIRE_FALSE(of_both.empty());
  const found_pending both =
      all_pages(store, {.key = "k0", .state = pending, .agent = clerk, .limit = 1});
  CHECK(both.all == of_both);
  const found_pending by_id = all_pages(store, {.id = "33", .state = pending});
  CHECK(by_id.all.empty());
  CHECK(by_id.scanned == 0);
  CHECK(all_pages(store, {.id = "40", .state = pending}).all.size() == 1);
}

TEST_CASE("what was accepted or ended since the pending set was saved is known") {
  FOR_EACH_ENGINE;
  test_store store{kind, small_ranges()};
  mostly_done made{store};
  keep_up(store);
  const auto ended = made.pending[5]; // of one delivery
  store.one(store.finish(first_of(store.list({.before = ended + 1}).events[0].event),
                         delivery_state::cancelled));
  made.pending.erase(made.pending.begin() + 5);
  for (int i = 0; i < 40; ++i) {
    const event_id event = store.add({.id = "new " + std::to_string(i), .key = "new"});
    if (i % 8 != 0)
      store.one(store.finish(first_of(event)));
    else
      made.pending.insert(made.pending.begin(), event.sequence);
  }
  store.add({.id = "unrouted", .agents = {}});
  const found_pending all = all_pages(store, {.state = delivery_state::pending});
  CHECK(all.all == made.pending);
  CHECK(all.scanned == made.pending.size());
  CHECK(all_pages(store, {.key = "new", .state = delivery_state::pending}).all ==
        sequences(made.pending.begin(), made.pending.begin() + 5));
}

TEST_CASE("a search for what is pending finds what the rows say, whatever was saved by then") {
  FOR_EACH_ENGINE;
  const auto seed = GENERATE_COPY(range(1u, 1 + seeds_of(kind, 6)));
  INFO("seed " << seed);
  std::mt19937_64 random{seed};
  test_store store{kind, small_ranges()};
  const std::vector<std::vector<std::string>> routes{{}, {"a"}, {"b"}, {"a", "b"}, {"b", "c", "a"}};
  std::vector<delivery_id> live;
  for (int step = 0; step < 100; ++step) {
    INFO("step " << step);
    for (std::uint64_t left = random() % 9; left > 0; --left) {
      const auto& agents = routes[random() % routes.size()];
      const event_id event = store.add({.id = std::to_string(step) + "-" + std::to_string(left),
                                        .key = "k" + std::to_string(random() % 4),
                                        .agents = agents});
      for (std::size_t i = 0; i < agents.size(); ++i)
        live.push_back({event, static_cast<std::uint8_t>(i)});
    }
    for (std::uint64_t left = random() % 11; left > 0 && !live.empty(); --left) {
      const std::size_t at = random() % live.size();
      if (random() % 8 == 0) {
        store.one(store.attempt(live[at], static_cast<std::uint32_t>(step + 1)));
      } else {
        store.one(store.finish(live[at],
                               random() % 9 == 0 ? delivery_state::dead : delivery_state::done));
        live.erase(live.begin() + static_cast<std::ptrdiff_t>(at));
      }
    }
    if (random() % 2 == 0)
      must(store->upkeep(store.now));
    if (random() % 30 == 0)
      store.reopen(random() % 2 == 0);
    event_filter filter{.limit = 1 + random() % 20};
    if (random() % 2 == 0)
      filter.key = "k" + std::to_string(random() % 5);
    if (random() % 2 == 0)
      filter.agent = store.agent(std::string(1, static_cast<char>('a' + random() % 3)));
    for (const auto state : {delivery_state::pending, delivery_state::retrying}) {
      sequences expected;
      event_filter all = filter;
      all.state.reset();
      do {
        const event_page page = store.list(all);
        for (const event_record& each : page.events)
          if (each.state() == state)
            expected.push_back(each.event.sequence);
        all.before = page.next;
      } while (all.before != 0);
      filter.state = state;
      REQUIRE(all_pages(store, filter).all == expected);
    }
  }
}
